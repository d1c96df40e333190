/** The pages by name, as they stand in the address. */
import type { Component } from "svelte";
import Network from "./Network.svelte";
import Training from "./Training.svelte";

export const PAGES: Record<string, Component> = { network: Network, training: Training };
