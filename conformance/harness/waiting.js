// Waiting for something with a deadline; nothing in the tests sleeps and hopes.

export const LIMIT_MS = 10_000;

/** Resolves as `promise` does, or fails after the deadline, saying what was waited for. */
export function within(promise, what, limit = LIMIT_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms for ${what()}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A queue that is read with `await`: what arrives before it is asked for is kept. */
export class Inbox {
  #items = [];
  #readers = [];
  #end;

  put(item) {
    const reader = this.#readers.shift();
    if (reader) reader.resolve(item);
    else this.#items.push(item);
  }

  /** Nothing comes any more; whoever reads gets this error. */
  end(error) {
    this.#end = error;
    this.#readers.splice(0).forEach((reader) => reader.reject(error));
  }

  take(what = 'something') {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift());
    if (this.#end) return Promise.reject(this.#end);
    return within(new Promise((resolve, reject) => this.#readers.push({ resolve, reject })), () => what);
  }

  /** What has arrived and was not taken. */
  get waiting() {
    return [...this.#items];
  }
}
