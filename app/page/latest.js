/** Asks one question at a time. Of those that come up meanwhile, only the newest is asked next. */
export class Latest {
  #ask;
  #show;
  #fail;
  #next = null;
  #busy = false;

  /** `ask` is async; `show` gets its answer and the question, `fail` its error. */
  constructor(ask, show, fail) {
    this.#ask = ask;
    this.#show = show;
    this.#fail = fail;
  }

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

  async #answer(question) {
    let answer;
    try {
      answer = await this.#ask(question);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#show(answer, question);
  }
}

/** `ask`, and then a pause as long as the answer took: it claims half of the service at most. */
export function sparing(ask) {
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
