/**
 * All there is in the model at one moment: the registers, the items, requests on their way, the actors, and the ledger of
 * what really happened, which no actor sees.
 *
 * A request is judged and answered in one step, or it is not answered: then a copy of it stays loose and may be judged at
 * any later time, or never; and of one that is answered, a second copy may. That one bag of loose copies is loss, delay,
 * duplication and reordering.
 * A swap of the head is always sent loose and accepted in a step of its own, as much may happen meanwhile. A swap of the
 * snapshot pointer is one step: its function is asked anew on each base, so it is as good as computed where it applies.
 */
import type { Actor } from './actors.js';
import { type Ledger, openLedger } from './ledger.js';
import type { Protocol } from './protocol.js';
import { type Commit, type Event, type Fold, type Head, noHead, noSnap, type Snap } from './shapes.js';

/** A page, a body or a part. `text` names the content. */
export type Item =
  | { readonly text: string; readonly commits: readonly Commit[] }
  | { readonly text: string; readonly events: readonly Event[] }
  | { readonly text: string; readonly fold: Fold };

/** A swap of the head on its way. */
export interface HeadWrite {
  readonly base: number;
  readonly next: Head;
  /** What the batch means, whatever the commit says. */
  readonly meant: readonly Event[];
}

/** A request that was not answered, or whose answer was to another copy. */
export type Loose =
  | {
      readonly text: string;
      readonly swap: HeadWrite;
      readonly key?: undefined;
      readonly item?: undefined;
      readonly once?: undefined;
    }
  | {
      readonly text: string;
      readonly key: string;
      readonly item: Item;
      readonly once: boolean;
      readonly swap?: undefined;
    }
  | {
      readonly text: string;
      readonly key: string;
      readonly item?: undefined;
      readonly once?: undefined;
      readonly swap?: undefined;
    };

/** One thing that can happen next. */
export interface Action {
  readonly name: string;
  readonly run: (world: World) => void;
  /** How often, relative to 1, a random schedule takes it. */
  readonly weight: number;
}

/** What a run is about. */
export interface Setting {
  /** Per writer its batches: one token per event (`.`, `+x`, `-x`), a `*` before them for one with a body. */
  readonly writers: readonly (readonly string[])[];
  readonly snapshotters?: number;
  readonly snapshots?: number;
  readonly pruners?: number;
  readonly prunes?: number;
  /** Writers that each pruner retires, dead or alive. */
  readonly retirements?: number;
  readonly readers?: number;
  readonly reads?: number;
  /** Whether readers register, sometimes. */
  readonly registers?: boolean;
  readonly follows?: number;
  /** Snapshots kept. */
  readonly keep?: number;
  /** Requests that go unanswered, or of which a copy stays on its way. */
  readonly losses: number;
  readonly crashes: number;
  /** Whether the head may be unable to tell the fate of a swap. */
  readonly losesEvidence?: boolean;
  /** Whether an item may be destroyed, once. */
  readonly rots?: boolean;
}

const looseMax = 12;

export class World {
  readonly setting: Setting;
  readonly protocol: Protocol;
  head: Head = noHead;
  snap: Snap = noSnap;
  items: Map<string, Item> = new Map();
  loose: Loose[] = [];
  actors: Actor[] = [];
  ledger: Ledger = openLedger();
  losses = 0;
  crashes = 0;
  /** Nothing goes wrong any more. */
  calm = false;
  /** Something was destroyed: readers may say so, and stop. */
  rotten = false;
  violation: string | undefined;
  /** How often something worth telling happened, in this world and all its forks. */
  met: Map<string, number> = new Map();

  constructor(setting: Setting, protocol: Protocol) {
    this.setting = setting;
    this.protocol = protocol;
  }

  fork(): World {
    const copy = Object.assign(new World(this.setting, this.protocol), this);
    copy.items = new Map(this.items);
    copy.loose = [...this.loose];
    copy.actors = [...this.actors];
    return copy;
  }

  fail(violation: string): void {
    this.violation ??= violation;
  }

  meet(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  set(actor: Actor): void {
    this.actors[actor.lane] = actor;
  }

  /** A copy stays on its way; where there are too many, the oldest is lost for good. */
  leave(copy: Loose): void {
    this.loose.push(copy);
    if (this.loose.length <= looseMax) return;
    const oldest = this.loose.findIndex(({ swap }) => swap === undefined);
    this.loose.splice(oldest, 1);
  }

  take(copy: Loose): void {
    this.loose.splice(this.loose.indexOf(copy), 1);
  }
}
