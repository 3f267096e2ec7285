import { LeaseLostError } from '../session/session-errors.js';
import { watchfulSignal } from '../session/watchful-signal.js';
import type { Claims, Granted } from './claims.js';
import { type LockState, standingOf } from './lock-state.js';

export class LockGrant<S extends LockState = LockState> implements AsyncDisposable {
  /** The fencing token: larger than that of every grant before. */
  readonly token: bigint;
  /** The name of the lock. */
  readonly name: string;
  /** Aborts when it is lost, before others can have it; each look at it looks at the clocks first. The reason is the error. */
  readonly signal: AbortSignal;
  readonly #claims: Claims<S>;
  readonly #granted: Granted<S>;
  readonly #controller = new AbortController();
  #loss: Error | undefined;
  #releasing: Promise<boolean> | undefined;

  /** @internal Made by `Lock`. */
  constructor(claims: Claims<S>, granted: Granted<S>) {
    this.#claims = claims;
    this.#granted = granted;
    this.token = BigInt(granted.state.fence);
    this.name = claims.item.name;
    const leave = granted.lease.onEnd((error) => this.#lose(error));
    this.#controller.signal.addEventListener('abort', leave, { once: true });
    this.signal = watchfulSignal(this.#controller, () => void granted.lease.isLive());
  }

  /** Whether it may be relied on now. Looks at the clocks; costs nothing. */
  get isHeld(): boolean {
    return this.#releasing === undefined && this.loss === undefined;
  }

  /** Why it is lost; `undefined` while it is held, and after it was released. */
  get loss(): Error | undefined {
    this.#granted.lease.isLive();
    return this.#loss;
  }

  assertHeld(): void {
    const { loss } = this;
    if (loss !== undefined) throw loss;
    if (this.#releasing !== undefined) {
      throw new TypeError(`Cannot rely on ${this.#claims.item.subject}: it was released by this process`);
    }
  }

  async extend(): Promise<void> {
    this.assertHeld();
    const [state] = await Promise.all([this.#claims.item.read(), this.#granted.lease.beat()]);
    if (standingOf(state, this.#granted.claim.nonce) !== 'owner') {
      const { lease } = this.#granted;
      const facts = { reason: 'taken', session: lease.id, leaseMs: lease.leaseMs, token: this.token } as const;
      this.#lose(new LeaseLostError(this.#claims.item.subject, facts));
    }
    this.assertHeld();
  }

  release(): Promise<boolean> {
    const wasHeld = this.loss === undefined;
    this.#releasing ??= this.#claims.release(this.#granted.claim.nonce).then((was) => was && wasHeld);
    return this.#releasing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => false);
  }

  #lose(error: Error): void {
    if (this.#loss !== undefined || this.#releasing !== undefined) return;
    this.#loss = error;
    this.#controller.abort(error);
  }
}
