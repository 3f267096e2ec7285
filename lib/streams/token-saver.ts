/**
 * Stores how far a reader is, not more often than needed: at once when the last time lies far enough back, else when it does, and at the
 * end. Never two at a time; a store that fails for a while is tried again with what is newest by then.
 *
 * If the process dies, what was done since the last save is delivered again.
 */
import { Alarm, after, type Ceilings, type Clock, fullJitterMs, isTransient, type Random } from '../engine/index.js';
import { isLeydenError } from '../errors.js';
import type { Checkpointer } from './checkpoint.js';
import type { StreamToken } from './position.js';

export interface TokenSaverOptions {
  readonly checkpointer: Checkpointer;
  readonly clock: Clock;
  readonly random: Random;
  readonly saveMs: number;
  /** What is to be stored now. */
  token(): StreamToken;
  onSaved(): void;
  onRetry(error: unknown, waitMs: number): void;
  /** It will never work: called once. */
  onFailed(error: unknown): void;
}

const backOff: Ceilings = { leastMs: 200, mostMs: 30_000 };

export class TokenSaver {
  readonly #options: TokenSaverOptions;
  readonly #alarm: Alarm;
  #previous: StreamToken | undefined;
  #isDirty = false;
  #saving: Promise<void> | undefined;
  #savedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: TokenSaverOptions, previous: StreamToken | undefined) {
    this.#options = options;
    this.#previous = previous;
    this.#alarm = new Alarm(options.clock, () => this.#start());
  }

  /** Something more is done. */
  changed(): void {
    if (this.#failure !== undefined) return;
    this.#isDirty = true;
    if (this.#saving !== undefined) return;
    const dueAt = this.#savedAt + this.#options.saveMs;
    if (this.#options.clock.monotonicMs() >= dueAt) this.#start();
    else this.#alarm.set(dueAt);
  }

  /**
   * Comes back when all that is done is stored.
   *
   * @throws what the checkpointer threw for good.
   */
  async flush(): Promise<void> {
    while (this.#failure === undefined && (this.#isDirty || this.#saving !== undefined)) {
      this.#start();
      await this.#saving;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Comes back when all that is done is stored, or cannot be, or after `msMax`; then it is given up. Never rejects. */
  async finish(msMax: number): Promise<void> {
    const enough = new AbortController();
    const limit = this.#options.clock.sleep(msMax, { signal: enough.signal }).then(
      () => false,
      () => false,
    );
    // What it throws was told already.
    const flushed = this.flush().then(
      () => true,
      () => true,
    );
    if (!(await Promise.race([flushed, limit]))) this.close();
    enough.abort();
  }

  /** Ends it; what is not stored stays so. */
  close(): void {
    this.#isDirty = false;
    this.#alarm.clear();
    this.#failure ??= { error: new Error('The reader was stopped') };
    this.#wake?.();
  }

  #start(): void {
    this.#alarm.clear();
    this.#wake?.();
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined;
      if (this.#isDirty) this.changed();
    });
  }

  async #save(): Promise<void> {
    const { checkpointer, clock, random, token, onSaved, onRetry, onFailed } = this.#options;
    while (this.#isDirty && this.#failure === undefined) {
      this.#isDirty = false;
      const next = token();
      try {
        await checkpointer.save(next, this.#previous);
        this.#previous = next;
        this.#failures = 0;
        this.#savedAt = clock.monotonicMs();
        onSaved();
        return;
      } catch (error) {
        if (!(isTransient(error) || (isLeydenError(error) && error.retryable))) {
          this.#failure = { error };
          onFailed(error);
          return;
        }
        this.#isDirty = true;
        this.#failures += 1;
        const waitMs = fullJitterMs(random, backOff, this.#failures);
        onRetry(error, waitMs);
        await this.#pause(waitMs);
      }
    }
  }

  /** Ends early when somebody waits for the save. */
  #pause(ms: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const callOff = after(this.#options.clock, ms, resolve);
      this.#wake = () => {
        callOff();
        resolve();
      };
    }).then(() => {
      this.#wake = undefined;
    });
  }
}
