/** The pages by name, as they stand in the address. */
import type { Component } from "svelte";
import Basics from "./Basics.svelte";
import Data from "./Data.svelte";
import Explain from "./Explain.svelte";
import Generation from "./Generation.svelte";
import Network from "./Network.svelte";
import Results from "./Results.svelte";
import Training from "./Training.svelte";
import WhatIf from "./WhatIf.svelte";

export const PAGES: Record<string, Component> = {
  network: Network, whatif: WhatIf, explain: Explain, training: Training, data: Data, results: Results, basics: Basics,
  generation: Generation,
};
