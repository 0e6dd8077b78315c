/** Makes one request at a time. Meanwhile, only the newest further question is kept. @template Question, Answer */
export class RequestQueue {
  #ask;
  #show;
  #fail;
  /** @type {{ question: Question } | null} */
  #next = null;
  #busy = false;

  /**
   * @param {(question: Question) => Promise<Answer>} ask
   * @param {(answer: Answer, question: Question) => void} show
   * @param {(error: Error, question: Question) => void} fail
   */
  constructor(ask, show, fail) {
    this.#ask = ask;
    this.#show = show;
    this.#fail = fail;
  }

  /** @param {Question} question */
  want(question) {
    this.#next = { question };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    try {
      while (this.#next) {
        const { question } = this.#next;
        this.#next = null;
        await this.#answer(question);
      }
    } finally {
      this.#busy = false;
    }
  }

  /** @param {Question} question */
  async #answer(question) {
    let answer;
    try {
      answer = await this.#ask(question);
    } catch (error) {
      this.#fail(/** @type {Error} */ (error), question);
      return;
    }
    this.#show(answer, question);
  }
}

/**
 * `ask`, and then a pause as long as the answer took: at most half of the service's time.
 * @template Question, Answer
 * @param {(question: Question) => Promise<Answer>} ask
 * @returns {(question: Question) => Promise<Answer>}
 */
export function sparing(ask) {
  /** @type {Promise<unknown>} */
  let ready = Promise.resolve();
  return async (question) => {
    await ready;
    const started = performance.now();
    const answer = await ask(question);
    const took = performance.now() - started;
    ready = new Promise((resolve) => setTimeout(resolve, took));
    return answer;
  };
}
