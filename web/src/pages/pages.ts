/** The pages by name, as they stand in the address. */
import type { Component } from "svelte";
import Network from "./Network.svelte";

export const PAGES: Record<string, Component> = { network: Network };
