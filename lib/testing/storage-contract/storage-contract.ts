/** The contract of storages: the facts of all rooms, each on a store of its own, without a test runner. */
import { beginFacts } from './begin-facts.js';
import { changeFacts } from './change-facts.js';
import { damageFacts } from './damage-facts.js';
import { eventFacts } from './event-facts.js';
import type { Fact } from './fact.js';
import { handlingFacts } from './handling-facts.js';
import { idFacts } from './id-facts.js';
import { instanceFacts } from './instance-facts.js';
import { lifeFacts } from './life-facts.js';
import { logFacts } from './log-facts.js';
import { pastFacts } from './past-facts.js';
import { onNewPlace } from './place.js';
import { pruneFacts } from './prune-facts.js';
import { rightFacts } from './right-facts.js';
import { sealingFacts } from './sealing-facts.js';
import { snapshotFacts } from './snapshot-facts.js';
import type { StorageFactory, TestedStore } from './storage-factory.js';

/** A rule that every storage keeps. */
export interface StorageFact {
  /** The rule, as a sentence, after the room that it is in. */
  readonly name: string;
  /** Finds out, on a new store. Rejects with an error that says which rule is broken, and `cause`: what was found. */
  run(): Promise<void>;
}

/**
 * What a prevalent system relies on, as facts that any test runner runs: events once and in one order, nothing acknowledged before it
 * is stored, snapshots, pruning, states that were, ids, several instances, who may write, sealing.
 *
 * Each fact has a store of its own, which is closed at its end; what all stores need, a server or a table, is opened and closed by
 * whoever runs the facts. They may run at the same time.
 *
 * @example
 * ```ts
 * import test from 'node:test';
 * import { transientStorage } from 'leyden-jar/prevalence';
 * import { storageContract } from 'leyden-jar/testing';
 *
 * const facts = storageContract({
 *   eventBytesMax: 8 * 1_024 * 1_024,
 *   newStore() {
 *     const storage = transientStorage();
 *     return { view: () => storage };
 *   },
 * });
 * for (const { name, run } of facts) test(name, run);
 * ```
 */
export function storageContract<Store extends TestedStore>(factory: StorageFactory<Store>): readonly StorageFact[] {
  const { instances = 'many', seals = false, damageSnapshot } = factory;
  const rooms: [room: string, facts: readonly Fact[], isWanted?: boolean][] = [
    ['handling', handlingFacts],
    ['events', eventFacts],
    ['life', lifeFacts],
    ['snapshots', snapshotFacts],
    ['pruning', pruneFacts],
    ['the past', pastFacts],
    ['ids', idFacts],
    ['the log', logFacts],
    ['beginning with a state', beginFacts],
    ['damage', damageFacts, damageSnapshot !== undefined],
    ['sealing', sealingFacts, seals],
    ['several instances', instanceFacts, instances === 'many'],
    ['changes', changeFacts, instances === 'many'],
    ['the right to write', rightFacts, instances === 'many'],
  ];
  return rooms.flatMap(([room, facts, isWanted = true]) =>
    isWanted ? facts.map(({ name, check }) => named(`${room}: ${name}`, () => onNewPlace(factory, check))) : [],
  );
}

function named(name: string, check: () => Promise<void>): StorageFact {
  return {
    name,
    async run() {
      try {
        await check();
      } catch (error) {
        throw new BrokenRuleError(name, error);
      }
    },
  };
}

/** Says which rule is broken, and what was found. */
class BrokenRuleError extends Error {
  readonly rule: string;

  constructor(rule: string, cause: unknown) {
    const found = cause instanceof Error ? cause.message : String(cause);
    super(`This storage breaks a rule: ${rule}\n\n${found}`, { cause });
    this.name = 'BrokenRuleError';
    this.rule = rule;
  }
}
