// Goal: a large value is written once or not at all, whatever the network does to its parts, its item and the marks on the parts
// before, and what is known not to be needed is removed at once. Method: a faulty engine on a virtual clock, small sizes.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  type AtomTable,
  diagnosticsChannels,
  type PartsEvent,
  type UnknownOutcomeError,
} from '../../lib/atom/index.js';
import type { SealingCodec } from '../../lib/codec/index.js';
import type { EngineFault, EngineFaultRule, FaultyEngine, WriteAnswer } from '../../lib/engine/index.js';
import { type Bench, breathe, openBench, outcomeOf, overridden } from './bench.js';
import { idNamed, letters, partsIn, tiny } from './parts-actors.js';

let bench: Bench;
let table: AtomTable;
let faulty: FaultyEngine;
const retry = { timeoutMs: 5_000, attemptTimeoutMs: 100, settleMs: 5_000 };
beforeEach(async () => {
  bench = await openBench();
  faulty = bench.faulty;
  table = bench.table({ large: tiny, retry });
});

const isPart = (request: object) => JSON.stringify(Object.values(keyIn(request))).includes('~part:');
const isItem = (request: object) => !isPart(request);
const keyIn = (request: object) =>
  (request as { item?: object; key?: object }).item ?? (request as { key: object }).key;
const rule = (
  kind: EngineFault['kind'],
  when: EngineFaultRule['when'],
  rest: Partial<EngineFaultRule> = {},
): EngineFaultRule => ({ fault: { kind } as EngineFault, when, on: ['put'], ...rest }) as EngineFaultRule;
const inTable = () => partsIn(bench.memory);
const settled = () => bench.run(table.settled());
const stored = () => bench.calm().atom('a').deref();
/** One value, its two parts, and none besides. */
async function expectOnly(value: unknown): Promise<void> {
  await settled();
  expect(await stored()).toEqual(value);
  const named = await idNamed(bench.memory);
  expect([...(await inTable()).ids]).toEqual(named === undefined ? [] : [[named, 2]]);
}

describe('parts on their way', () => {
  it.each(['reset-before', 'reset-after', '5xx-after', 'throttle', 'unreachable', 'conflict', 'cut-body'] as const)(
    'are sent again after %s',
    async (kind) => {
      faulty.setRules([rule(kind, isPart, { times: 5 })]);
      const atom = table.atom<unknown>('a');
      await bench.run(atom.reset(letters('o')));
      await expectOnly(letters('o'));
    },
  );

  it('are sent again when no answer comes; a copy that comes late takes no mark away', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.setRules([{ fault: { kind: 'late', delayMs: 'held' }, on: ['put'], when: isPart, times: 2 }]);
    await bench.run(atom.reset(letters('n')));
    await bench.run(atom.reset(letters('m')));
    await settled();
    expect((await inTable()).marked.size).toBe(2);
    await faulty.deliverLate();
    await breathe();
    expect((await inTable()).marked.size).toBe(2);
    await expectOnly(letters('m'));
  });

  it('that can not be stored by the deadline leave nothing', async () => {
    faulty.setRules([rule('throttle', isPart, { after: 1 })]);
    const error = await bench.run(
      table
        .atom('a')
        .reset(letters('o'))
        .catch((reason: unknown) => reason),
    );
    expect(error).toMatchObject({ code: 'ERR_DEADLINE', outcome: 'not-done' });
    await expectOnly(undefined);
  });

  it('that the store refuses pass the refusal on, and leave nothing', async () => {
    const denied: WriteAnswer = {
      status: 'not-applied',
      kind: 'refused',
      error: Object.assign(new Error('no'), { name: 'AccessDeniedException' }),
    };
    let puts = 0;
    const engine = overridden(bench.memory, {
      put: async (request) => {
        if (isPart(request)) puts += 1;
        return isPart(request) && puts > 1 ? denied : bench.memory.put(request);
      },
    });
    table = bench.table({ engine, large: tiny, retry });
    const failure = bench.run(table.atom('a').reset(letters('o')));
    await expect(failure).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expectOnly(undefined);
  });

  it('are removed when their caller leaves, and whoever shared the write goes on without him', async () => {
    const atom = table.atom<readonly string[]>('a', { initial: [] });
    await bench.run(atom.deref());
    faulty.hold(['put']);
    const leaver = new AbortController();
    const first = outcomeOf(atom.swap(() => letters('o'), { signal: leaver.signal }));
    const second = outcomeOf(atom.swap((v) => [...v, 'more']));
    // The tombstone, then two parts.
    await (await bench.message(0)).pass();
    await bench.message(2);
    leaver.abort(new Error('enough'));
    faulty.release();
    await bench.run(Promise.all([first.done, second.done]));
    expect(first.error).toMatchObject({ message: 'enough' });
    expect(second.value).toEqual(['more']);
    await expectOnly(['more']);
  });

  it('are sent no further when their caller has left: some are under way at a time, and no more', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(1));
    faulty.hold(['put']);
    const leaver = new AbortController();
    const many = Array.from({ length: 8 }, (_, at) => letters('m', at)).flat();
    const reset = outcomeOf(atom.reset(many, { signal: leaver.signal }));
    await bench.message(7);
    const before = bench.memory.spent();
    leaver.abort(new Error('enough'));
    for (let at = 0; at < 8; at += 1) await (await bench.message(at)).pass();
    await bench.run(reset.done);
    await settled();
    // Of more than a dozen parts eight were on their way: those are stored, and removed together with the one that was next.
    expect(bench.memory.spent().requests - before.requests).toBe(17);
    await expectOnly(1);
  });

  it('are removed when the race for the item is lost, and written anew for the next', async () => {
    const atom = table.atom<readonly string[]>('a', { initial: [] });
    await bench.run(atom.reset(letters('o')));
    faulty.hold(['put']);
    const swap = outcomeOf(atom.swap((v) => [...v, 'more']));
    await (await bench.message(0)).pass();
    await (await bench.message(1)).pass();
    const write = await bench.message(2);
    await bench.run(bench.calm({ large: tiny }).atom<unknown>('a').reset(letters('n')));
    await write.pass();
    faulty.release();
    await bench.run(swap.done);
    expect(swap.value).toEqual([...letters('n'), 'more']);
    await expectOnly([...letters('n'), 'more']);
  });

  it('are not written for a state that another writer replaces before', async () => {
    const atom = table.atom<readonly string[]>('a', { initial: [] });
    await bench.run(atom.deref());
    faulty.hold(['put']);
    const swap = outcomeOf(atom.swap((v) => [...v, ...letters('o')]));
    const tombstone = await bench.message(0);
    await bench.run(bench.calm().atom<unknown>('a').reset(['first']));
    await tombstone.pass();
    faulty.release();
    await bench.run(swap.done);
    expect(swap.value).toEqual(['first', ...letters('o')]);
    await expectOnly(['first', ...letters('o')]);
  });
});

describe('the item that commits them', () => {
  it('is written once when its answer is lost, and the old parts are marked once it is known', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.setRules([rule('reset-after', isItem, { times: 2 })]);
    await bench.run(atom.reset(letters('n')));
    await expectOnly(letters('n'));
    expect((await inTable()).marked.size).toBe(1);
    expect((await bench.calm().atom('a').snapshot()).version).toBe(3);
  });

  it('keeps all parts while its outcome is unknown, and removes those of a write that is cancelled', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.hold(['put']);
    const swap = outcomeOf(atom.reset(letters('n'), { timeoutMs: 0 }));
    await (await bench.message(0)).pass();
    await (await bench.message(1)).pass();
    await bench.message(2);
    await bench.run(swap.done);
    const error = swap.error as UnknownOutcomeError;
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OUTCOME', reason: 'in-flight' });
    expect((await inTable()).ids.size).toBe(2);
    faulty.release();
    const verdict = outcomeOf(error.settle({ prefer: 'cancel' }));
    await bench.run(verdict.done);
    const { outcome } = verdict.value as { outcome: string };
    // What was held may have come before the cancel.
    await expectOnly(outcome === 'done' ? letters('n') : letters('o'));
  });

  it('is refused by the store: nothing is left', async () => {
    const invalid: WriteAnswer = {
      status: 'not-applied',
      kind: 'refused',
      error: Object.assign(new Error('no'), { name: 'ValidationException' }),
    };
    const engine = overridden(bench.memory, {
      put: async (request) => (request.item.c !== undefined && isItem(request) ? invalid : bench.memory.put(request)),
    });
    table = bench.table({ engine, large: tiny, retry });
    await expect(bench.run(table.atom('a').reset(letters('o')))).rejects.toMatchObject({ name: 'ValidationException' });
    await expectOnly(undefined);
  });
});

it('a manifest that can not be sealed leaves no parts', async () => {
  const codec: SealingCodec = {
    name: 'moody',
    seal: (form) => {
      if (form.codec === 'parts') throw new Error('no key today');
      return { ...form, codec: 'moody:1' };
    },
    opens: (name) => name === 'moody:1',
    open: (form) => ({ ...form, codec: 'json' }),
  };
  table = bench.table({ large: tiny, retry, codec });
  await expect(bench.run(table.atom('a').reset(letters('o')))).rejects.toThrow('no key today');
  await expectOnly(undefined);
});

describe('a conflict that is not proven', () => {
  it('removes nothing: somebody on the way may have doubled the write, and it may stand there', async () => {
    const few = { large: tiny, retry, evidenceWritersMax: 1 };
    const others = [bench.calm(few), bench.calm(few), bench.calm(few)];
    let doubled = false;
    const engine = overridden(bench.memory, {
      put: async (request) => {
        const answer = await bench.memory.put(request);
        if (doubled || isPart(request) || request.item.c === undefined) return answer;
        doubled = true;
        // Applied; then so many others that the evidence of it is gone, all of whom keep the value.
        for (const other of others) {
          await other.atom<readonly string[]>('a', { initial: [] }).swap((v) => v, { noop: 'write' });
        }
        return { status: 'condition-failed', image: await bench.item('a'), resent: false };
      },
    });
    const own = bench.table({ engine, ...few });
    await bench.run(own.atom<unknown>('a').reset(letters('o')));
    await bench.run(own.settled());
    expect(doubled).toBe(true);
    await expectOnly(letters('o'));
  });
});

describe('a transaction', () => {
  it('whose caller leaves while its parts are on their way leaves none', async () => {
    const atoms = [table.atom<unknown>('a'), table.atom<unknown>('b')] as const;
    await bench.run(Promise.all(atoms.map((one) => one.reset(1))));
    faulty.hold(['put']);
    const leaver = new AbortController();
    const transaction = outcomeOf(
      table.transact(
        async (tx) => {
          for (const one of atoms) await tx.reset(one, letters('o'));
        },
        { signal: leaver.signal },
      ),
    );
    await bench.message(3);
    leaver.abort(new Error('enough'));
    await bench.run(transaction.done);
    expect(transaction.error).toMatchObject({ message: 'enough' });
    faulty.release();
    await settled();
    await breathe();
    await expectOnly(1);
  });

  it('whose caller leaves while a layer takes its time leaves no parts of the others', async () => {
    let unlock = () => {};
    const locked = new Promise<void>((resolve) => {
      unlock = resolve;
    });
    const slow: SealingCodec = {
      name: 'slow',
      seal: async (form) => {
        await locked;
        return { ...form, codec: 'slow:1' };
      },
      opens: (name) => name === 'slow:1',
      open: (form) => ({ ...form, codec: 'json' }),
    };
    const [one, other] = [table.atom<unknown>('a'), table.atom<unknown>('b', { codec: slow })];
    await bench.run(one.reset(1));
    const leaver = new AbortController();
    const transaction = outcomeOf(
      table.transact(
        async (tx) => {
          await tx.reset(one, letters('o'));
          await tx.reset(other, 1);
        },
        { signal: leaver.signal },
      ),
    );
    while ((await inTable()).ids.size === 0) await breathe();
    await breathe();
    leaver.abort(new Error('enough'));
    await transaction.done;
    expect(transaction.error).toMatchObject({ message: 'enough' });
    unlock();
    await breathe();
    await expectOnly(1);
  });

  it('of which one value can not be written leaves the parts of no other', async () => {
    const one = table.atom<unknown>('a');
    const other = table.atom<unknown>('b', { index: { word: () => 'w'.repeat(409_600) } });
    await bench.run(bench.calm().atom<unknown>('b').reset(1));
    const failure = bench.run(
      table.transact(async (tx) => {
        await tx.reset(one, letters('o'));
        await tx.reset(other, letters('n'));
      }),
    );
    await expect(failure).rejects.toMatchObject({ code: 'ERR_ITEM_TOO_LARGE' });
    await expectOnly(undefined);
  });
});

describe('parts that no item names any more', () => {
  it('are told of when they can not be marked, and removed by the sweep', async () => {
    const events: PartsEvent[] = [];
    const listen = (event: unknown) => void events.push(event as PartsEvent);
    subscribe(diagnosticsChannels.parts, listen);
    const warnings: string[] = [];
    const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) };
    table = bench.table({ large: tiny, retry, logger });
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.setRules([rule('throttle', isPart, { on: ['update'] })]);
    await bench.run(atom.reset('small'));
    await settled();
    unsubscribe(diagnosticsChannels.parts, listen);
    expect(events).toEqual([{ table: 'state', key: 'a', action: 'mark', parts: 2, errorName: expect.any(String) }]);
    expect(warnings.at(-1)).toMatch(/could not mark 2 parts of a large value: \w+; sweepParts\(\) will remove them/);
    faulty.setRules([]);
    expect(await bench.run(table.sweepParts({ graceMs: 0 }))).toMatchObject({ removed: 2, moved: 0 });
    await expectOnly('small');
  });

  it('does not bring one back as a mark when it is gone', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.hold(['update']);
    await bench.run(atom.reset('small'));
    await bench.message(1);
    expect(await bench.run(bench.calm().sweepParts({ graceMs: 0 }))).toMatchObject({ removed: 2 });
    faulty.release();
    await settled();
    expect(await inTable()).toEqual({ ids: new Map(), marked: new Set() });
    expect((await bench.memory.scan({ table: 'state', consistent: true })).items).toHaveLength(1);
  });

  it('keeps close() and settled() waiting until they are marked', async () => {
    const atom = table.atom<unknown>('a');
    await bench.run(atom.reset(letters('o')));
    faulty.hold(['update']);
    await bench.run(atom.reset('small'));
    const closing = outcomeOf(table.close());
    await breathe();
    expect(closing.settled).toBe(false);
    faulty.release();
    await bench.run(closing.done);
    expect(closing.value).toBe(true);
    expect((await inTable()).marked.size).toBe(1);
  });
});

describe('a read', () => {
  it.each(['reset-before', 'reset-after', 'throttle', '5xx-before'] as const)('goes on after %s', async (kind) => {
    await bench.run(table.atom<unknown>('a').reset(letters('o')));
    faulty.setRules([{ fault: { kind }, on: ['get'], times: 4 }]);
    expect(await bench.run(bench.table({ large: tiny, retry }).atom('a').deref())).toEqual(letters('o'));
  });

  it('fails with what stood in its way when parts can not be read by the deadline', async () => {
    await bench.run(table.atom<unknown>('a').reset(letters('o')));
    faulty.setRules([{ fault: { kind: 'throttle' }, on: ['get'], when: isPart }]);
    const failure = bench.run(bench.table({ large: tiny, retry }).atom('a').deref());
    await expect(failure).rejects.toMatchObject({ name: 'ProvisionedThroughputExceededException' });
  });
});

it('leaves the newest value and its parts, after many disturbed writes of two processes', async () => {
  const { seed } = bench;
  const kinds = ['reset-before', 'reset-after', '5xx-after', 'throttle', 'duplicate', 'late'] as const;
  faulty.setRules(kinds.map((kind) => ({ fault: { kind } as EngineFault, probability: 0.04 })));
  const tables = [bench.table({ large: tiny, retry }), bench.table({ large: tiny, retry })];
  let known = 0;
  let unknown = 0;
  const work = tables.map(async (one, process) => {
    const atom = one.atom<{ readonly n: number; readonly words: readonly string[] }>('a', {
      initial: { n: 0, words: [] },
    });
    for (let round = 0; round < 30; round += 1) {
      try {
        await atom.swap(({ n }) => ({ n: n + 1, words: round % 5 === 0 ? [] : letters('w', process * 100 + round) }));
        known += 1;
      } catch (error) {
        if ((error as { outcome?: string }).outcome === 'unknown') unknown += 1;
      }
    }
  });
  await bench.run(Promise.all(work));
  faulty.setRules([]);
  await faulty.deliverLate();
  for (const one of tables) await bench.run(one.settled());
  const { n, words } = (await stored()) as { n: number; words: readonly string[] };
  expect({ seed, low: n >= known, high: n <= known + unknown }).toEqual({ seed, low: true, high: true });
  expect([0, 250]).toContain(words.length);
  await bench.run(bench.calm({ large: tiny }).sweepParts({ graceMs: 0 }));
  const named = await idNamed(bench.memory);
  expect([...(await inTable()).ids]).toEqual(named === undefined ? [] : [[named, 2]]);
}, 60_000);
