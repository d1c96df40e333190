/** The pages by name, as they stand in the address. */
import type { Component } from "svelte";
import Data from "./Data.svelte";
import Explain from "./Explain.svelte";
import Network from "./Network.svelte";
import Results from "./Results.svelte";
import Training from "./Training.svelte";

export const PAGES: Record<string, Component> = { network: Network, explain: Explain, training: Training, data: Data, results: Results };
