/**
 * The lives of one member, one after the other. Whoever was silent for too long is over, and goes on as somebody new under the same id; what
 * it held before is for others to take, and for itself at once, since it knows that the old life has ended.
 */
import type { Clock } from '../../engine/index.js';
import type { GroupItems } from './group-items.js';
import { isHopeless } from './hopeless.js';
import type { MemberState, Owner } from './lease-state.js';
import type { MemberTerms } from './member-options.js';
import { type LifeEnd, OwnLife } from './own-life.js';

export interface LivesGround {
  readonly items: GroupItems;
  readonly terms: MemberTerms;
  readonly clock: Clock;
  /** Aborts when there are to be no more lives. */
  readonly stopped: AbortSignal;
  isLeaving(): boolean;
  onBeat(beatMs: number): void;
  onEnd(owner: Owner, end: LifeEnd, cause: unknown): void;
  /** It can't go on. */
  onFatal(error: unknown): void;
}

export class Lives {
  readonly #ground: LivesGround;
  /** Lives whose item may be written over. */
  readonly #former = new Set<string>();
  #life: OwnLife | undefined;
  #sinceMs = 0;

  constructor(ground: LivesGround) {
    this.#ground = ground;
  }

  /** This member now; `undefined` while nobody would believe in it. Looks at the clocks. */
  get self(): Owner | undefined {
    return this.#life?.isLive === true ? this.#life.owner : undefined;
  }

  /** Whether its item is its own to remove. */
  get ownsItem(): boolean {
    return this.#life !== undefined && this.#life.end !== 'replaced';
  }

  /** When the present life began. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  look(): void {
    this.#life?.look();
  }

  /** An item of this life is over, and may be written over. */
  succeed({ life }: Owner): void {
    this.#former.add(life);
  }

  /** Begins a life; comes back with its first beat. @throws what `ItemAtom.swap` throws */
  async begin(): Promise<void> {
    const { items, terms, clock, onBeat, onEnd } = this.#ground;
    const { random, randomBytes } = items.table.sources;
    const { id, leaseMs, marginMs, beatMs, onEvent } = terms;
    const owner = { id, life: Buffer.from(randomBytes(9)).toString('base64url') };
    this.#life = new OwnLife({
      ...{ owner, clock, random, atom: items.member(id), leaseMs, marginMs, beatMs, onBeat },
      facts: () => this.#facts(),
      mayReplace: (life) => this.#former.has(life),
      onTrouble: (error) => onEvent({ type: 'trouble', action: 'beat', error }),
      onEnd: (end, cause) => {
        this.#former.add(owner.life);
        onEnd(owner, end, cause);
        if (end === 'silent') void this.#again(cause);
      },
    });
    this.#sinceMs = clock.monotonicMs();
    await this.#life.begin();
  }

  /** One beat now, so that others see that it leaves. */
  async beat(): Promise<void> {
    if (this.self !== undefined) await this.#life?.beat();
  }

  end(): void {
    this.#life?.finish('stopped');
  }

  async #again(cause: unknown): Promise<void> {
    const { terms, clock, stopped, isLeaving, onFatal } = this.#ground;
    if (cause !== undefined && isHopeless(cause)) return onFatal(cause);
    while (!isLeaving()) {
      try {
        return await this.begin();
      } catch (error) {
        if (isHopeless(error)) return onFatal(error);
        await clock.sleep(terms.beatMs / 4, { signal: stopped }).catch(() => {});
      }
    }
  }

  #facts(): Pick<MemberState, 'capacity' | 'shardsMax' | 'leaving' | 'host' | 'pid'> {
    const { capacity, shardsMax, host, pid } = this.#ground.terms;
    const limit = shardsMax === Number.POSITIVE_INFINITY ? {} : { shardsMax };
    return { capacity, ...limit, host, pid, ...(this.#ground.isLeaving() && { leaving: true as const }) };
  }
}
