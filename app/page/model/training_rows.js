/** The training rows of the card, of which only those columns are asked for that are shown. */

/**
 * @import { Api } from "../data/api.js"
 * @import { Card, RowColumns } from "../data/answers.js"
 */

/** New columns dispatch "change". */
export class TrainingRows extends EventTarget {
  #api;
  #features;
  /** By place of the feature. @type {Map<number, number[]>} */
  #columns = new Map();
  /** Asked for in the next request. @type {Set<number>} */
  #wanted = new Set();

  /** @param {Api} api @param {Card} card @param {RowColumns} known  Without columns. */
  constructor(api, { features }, { labels, separation }) {
    super();
    this.#api = api;
    this.#features = features;
    this.labels = labels;
    this.separation = separation;
  }

  /** The values of a feature in all rows, as soon as they are there. @param {number} place */
  column(place) {
    return this.#columns.get(place) ?? null;
  }

  /** Ask for the columns of features, all that are wanted at the same time in one request. @param {number[]} places */
  want(places) {
    const missing = places.filter((place) => !this.#columns.has(place) && !this.#wanted.has(place));
    if (missing.length && !this.#wanted.size) setTimeout(() => this.#ask());
    for (const place of missing) this.#wanted.add(place);
  }

  /** All values of one row. @param {number} row @returns {Promise<number[]>} */
  async row(row) {
    const { columns } = await this.#api.trainingRows({ row: [String(row)] });
    return this.#features.map(({ name }) => columns[name][0]);
  }

  async #ask() {
    const places = [...this.#wanted];
    const names = places.map((place) => this.#features[place].name);
    try {
      const { columns } = await this.#api.trainingRows({ feature: names });
      places.forEach((place, index) => this.#columns.set(place, columns[names[index]]));
      this.dispatchEvent(new Event("change"));
    } catch {
      // The rows are marks on other pictures, which say if the service is away.
    }
    for (const place of places) this.#wanted.delete(place);
    if (this.#wanted.size) this.#ask();
  }
}
