// Goal: the contract of storages can fail, and says why. Method: a storage that shares nothing with those of the library keeps all of it;
// made wrong in one way after the other, each is found by the fact that is named here.
import { describe, expect, it } from '@jest/globals';
import { type StorageFact, storageContract } from '../../lib/testing/index.js';
import { type ArrayStore, arrayStorage, arrayStore, eventBytesMax, type Faults } from './array-storage.js';

/** What is wrong, and the rule that finds it. */
const broken = [
  ['loses an append', 'the log: a read gives whole commits, from the one that has the event to the newest'],
  ['applies twice', 'the log: an append decides on exactly the events before it, and is told to nobody twice'],
  ['acknowledges before writing', 'several instances: an acknowledged event is there for whoever opens next'],
  ['orders wrongly', 'the log: appends that are asked for at once are done in the order of the calls, each once'],
  ['recovers without the newest', 'handling: tells the handler time and number, the same at every replay'],
  ['decides on an old state', 'several instances: an event is decided on the newest state, wherever that was made'],
  ['time goes back', 'the log: time never goes back, whatever the clock says'],
  ['believes the count', 'the log: a count that is not that of the lines is refused, and nothing is appended'],
  ['takes any size', 'the log: the size of a commit is refused above the limit, and taken at it'],
  ['closes without waiting', 'the log: close waits for an append that is under way'],
  ['reads from the next', 'the log: a read gives whole commits, from the one that has the event to the newest'],
  ['looks too late', 'the log: a look at the past begins with the newest snapshot that is not after it'],
  ['forgets ids', 'ids: ids are known after a replay, after a snapshot, and after both'],
  ['names another place', 'snapshots: a snapshot says what is in it; twice in a row is once'],
  ['prunes too much', 'pruning: prune leaves what the newest two snapshots need; what is older is gone, or as it was'],
  ['prunes what is for ever', 'pruning: prune leaves the whole journal where it is to be kept for ever'],
  [
    'begins on what is there',
    'beginning with a state: a log in which there is an event is not begun, and stays as it is',
  ],
  [
    'begins with another number',
    'beginning with a state: whoever opens goes on from the state, with its number and its time',
  ],
  ['begins and holds nothing', 'beginning with a state: who has begun it holds it, until it is given up or taken'],
  [
    'knows no migrations',
    'beginning with a state: a migration takes a log from another migration, and from nobody else',
  ],
  [
    'is deaf to a stop',
    'the log: who is stopped waits no longer for what is under way, and is not told that it is done',
  ],
  ['loses versions', 'the log: a commit keeps the time, the version and the digest that it was given'],
  ['keeps seconds', 'the log: time never goes back, whatever the clock says'],
  ['keeps one byte a character', 'the log: events are the same text when they are read, whatever is in them'],
  [
    'one digest for all',
    'snapshots: the digest of a snapshot is another one for another state, and the same for whoever asks',
  ],
  ['captures too early', 'snapshots: a snapshot that is asked for together with events is of a state that was'],
  ['reads over what was pruned', 'pruning: who reads while it is pruned gets all of it, or is told that it is gone'],
  ['mixes up names', 'life: what is in one store is not in another'],
  ['folds twice at once', 'several instances: a log that catches up several times at once tells of each commit once'],
  ['hides damage', 'damage: a damaged snapshot is passed over with a warning, for an older one'],
  ['makes up a state', 'damage: where it is not, opening is refused, and nothing is written'],
  ['ignores the codec', 'sealing: another key, or none, is refused on opening; nothing is written'],
  ['seals no snapshots', 'sealing: nothing that is stored can be read without the key'],
  ['packs snapshots and seals none', 'sealing: nothing that is stored can be read without the key'],
  [
    'closes and gives up',
    'the log: who holds a log and closes it without giving it up leaves it held, until it is taken',
  ],
  ['a reader writes', 'life: opening writes nothing, nor does a reader ever'],
  ['takes any format', 'life: refuses what another application keeps under this name, and leaves it as it is'],
  ['anybody may write', 'the right to write: the right is one’s own: nobody else can give it up'],
  ['anybody may hold', 'the right to write: who was deposed writes no more, and can not give up what is another’s'],
  ['anybody may release', 'the right to write: the right is one’s own: nobody else can give it up'],
] as const;

/** Of those that would be wrong each time only some calls are: what is seldom wrong is to be found as well. */
const seldom: Readonly<Record<string, number>> = { 'loses an append': 3 };

function factsOf(fault?: string): readonly StorageFact[] {
  const mixedUp = arrayStore();
  return storageContract({
    ...{ eventBytesMax, seals: true },
    newStore() {
      const store = fault === 'mixes up names' ? mixedUp : arrayStore();
      let asked = 0;
      const faults: Faults = (one) => {
        if (one !== fault) return false;
        asked += 1;
        return asked % (seldom[one] ?? 1) === 0;
      };
      return { store, view: () => arrayStorage(store, faults), writes: () => store.writes };
    },
    storedBytes: ({ store }) => [...store.commits, ...store.snapshots.map(({ content }) => content)],
    damageSnapshot({ store }: { readonly store: ArrayStore }, id) {
      for (const one of store.snapshots) if (one.id === id) one.content = Buffer.from('something else');
    },
  });
}

describe('storageContract()', () => {
  describe('a simple storage that is right keeps all of it', () => {
    for (const { name, run } of factsOf()) it(name, run);
  });

  it.each(broken)('finds a storage that is wrong: %s', async (fault, rule) => {
    const fact = factsOf(fault).find(({ name }) => name === rule);
    const error: unknown = await fact?.run().then(
      () => 'kept',
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'BrokenRuleError', rule, cause: expect.anything() });
    expect((error as Error).message).toMatch(`This storage breaks a rule: ${rule}\n\n`);
  });

  it('leaves out what a storage does not claim to do', () => {
    const rooms = (facts: readonly StorageFact[]) => new Set(facts.map(({ name }) => name.split(':')[0]));
    const store = arrayStore();
    const few = storageContract({
      instances: 'one',
      eventBytesMax,
      newStore: () => ({ view: () => arrayStorage(store) }),
    });
    const all = rooms(factsOf());
    for (const room of ['several instances', 'changes', 'the right to write', 'damage', 'sealing']) {
      expect([all.has(room), rooms(few).has(room)]).toEqual([true, false]);
    }
  });

  it('closes what a fact opened, and its store, also when the rule is broken', async () => {
    const closed: string[] = [];
    for (const fault of ['none', 'time goes back']) {
      const facts = storageContract({
        eventBytesMax,
        newStore: () => ({
          view: () => arrayStorage(arrayStore(), (one) => one === fault),
          close: () => void closed.push(fault),
        }),
      });
      await facts
        .find(({ name }) => name.includes('time never goes back'))
        ?.run()
        .catch(() => {});
    }
    expect(closed).toEqual(['none', 'time goes back']);
  });

  it('has no two facts of one name', () => {
    const names = factsOf().map(({ name }) => name);
    expect(names.length).toBe(new Set(names).size);
  });
});
