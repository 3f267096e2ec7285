/**
 * Giving back what is held. It only spares others the wait for the end of a lease: so a store that does not answer is spoken of, and a
 * signal ends it. Signals that came before, to the command, do not.
 */
import type { Output } from './output.js';
import { stopSignals } from './signals.js';

const patienceMs = 1_000;
const text =
  'giving back what is held; the store does not answer yet (Ctrl-C ends this, and others wait for the lease)';

/** The steps in which one run gives back what it holds. */
export class Farewell {
  readonly #output: Output;
  #isToldOff = false;
  #isTold = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** What `step` resolves with; `otherwise` once a signal has come, to this step or to one before. */
  async done<R>(step: Promise<R>, otherwise: R): Promise<R> {
    if (this.#isToldOff) return otherwise;
    const stop = stopSignals();
    const timer = setTimeout(() => {
      if (!this.#isTold) this.#output.note('leaving', {}, text);
      this.#isTold = true;
    }, patienceMs);
    const toldOff = new Promise<R>((done) => {
      stop.signal.addEventListener('abort', () => {
        this.#isToldOff = true;
        done(otherwise);
      });
    });
    try {
      return await Promise.race([step, toldOff]);
    } finally {
      clearTimeout(timer);
      stop.close();
    }
  }
}
