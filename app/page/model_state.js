/** The panels of the state and the network, if the key may see them. */

import { reveal } from "./draw/element.js";
import { mlpOf } from "./model/mlp.js";
import { DifferenceView } from "./panels/difference.js";
import { Network } from "./panels/network.js";
import { StateBrowser } from "./panels/state.js";

/**
 * @import { Model, StateBranch } from "./data/answers.js"
 * @import { Api } from "./data/api.js"
 */

/** @param {Api} api @param {Model} model @param {StateBranch | null} state @param {string[]} versions */
export function showState(api, model, state, versions) {
  reveal("state", state !== null);
  reveal("difference", false);
  if (!state) return;
  new StateBrowser(api, model, state, versions).open();
  new DifferenceView(api, model, versions);
}

/**
 * The drawing of a small network of Linear layers; null for another module.
 * @param {Api} api
 * @param {Model} model
 * @param {StateBranch | null} state
 * @param {() => readonly number[]} inputs  The numbers that the model gets, if they are known.
 */
export function showNetwork(api, model, state, inputs = () => []) {
  const mlp = state && mlpOf(model.layers);
  reveal("network", mlp !== null);
  return mlp && new Network(api, model, mlp, inputs);
}
