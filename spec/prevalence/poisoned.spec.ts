// Goal: an instance that can't know its own state any more says so at every use, and another one recovers. Method: an append whose
// evidence was evicted, pruned and retired while its answer was on the way; and a log that says what such a one says.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { UnknownOutcomeError } from '../../lib/atom/index.js';
import { FaultyEngine } from '../../lib/engine/index.js';
import { AppendUnknownError, JournalGapError } from '../../lib/journal/index.js';
import type { Log, Prevayler, Storage } from '../../lib/prevalence/index.js';
import { usesOf } from '../../lib/testing/storage-contract/uses.js';
import { type Entry, errorOf, type Ledger, ledger, noise, range } from '../support/prevalent.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const poisoned = { code: 'ERR_POISONED', outcome: 'not-done', retryable: false };

/** Every use of it. */
async function expectPoisoned(one: Prevayler<Ledger, Entry>): Promise<void> {
  const error = expect.objectContaining(poisoned) as unknown as Error;
  const { atOnce, awaited } = usesOf(one, 1);
  for (const use of atOnce) expect(use).toThrow(error);
  const requests = bench.memory.spent().requests;
  for (const use of awaited) await expect(use()).rejects.toThrow(error);
  expect(bench.memory.spent().requests).toBe(requests);
}

/** A storage whose log does what `change` says, in place of what it would do. */
function changed(storage: Storage, change: (log: Log) => Partial<Log>): Storage {
  return {
    ...storage,
    open(request) {
      const log = storage.open(request);
      const own = change(log);
      return new Proxy(log, {
        get(target, name) {
          const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
  };
}

it('an append whose fate nobody can tell any more', async () => {
  const faulty = new FaultyEngine(bench.memory, { clock: bench.clock });
  const small = { table: { evidenceWritersMax: 2 } };
  const one = await bench.open(ledger, { engine: faulty, ...small });
  await bench.run(one.handle(1));
  faulty.hold(['put']);
  const handled = errorOf(one.handle(2, { id: 'two', timeoutMs: 1e9 }));
  const message = await bench.run(faulty.message(0));
  await message.deliver();
  // Meanwhile others write until the head has forgotten it, make snapshots, prune, and retire it.
  for (const n of range(12, 10)) {
    const other = await bench.open({ ...ledger, retention: { keep: 1 } }, { ...small, writerQuietMs: 1_000 });
    await bench.clock.advance(2_000);
    for (const step of range(4)) await bench.run(other.handle({ pay: n, note: noise(150, n * 10 + step) }));
    await bench.run(other.snapshot());
    await bench.run(other.prune());
    await bench.run(other.close());
  }
  message.lose();
  faulty.release();
  const error = await bench.run(handled);
  expect(error).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' });
  await expectPoisoned(one);
  await bench.run(one.close());
  // Another one recovers, and the id makes it safe to go on.
  const fresh = await bench.open(ledger);
  expect(await bench.run(fresh.handle(2, { id: 'two' }))).toMatchObject({ status: 'known' });
  expect(fresh.state.seen.filter((n) => n === 2)).toEqual([2]);
});

describe('a log that says that it can not be told', () => {
  /** Its second append is on its way until `fail`. */
  async function openUnknown() {
    let fail: () => void = () => {};
    const failed = new Promise<void>((resolve) => {
      fail = resolve;
    });
    let appends = 0;
    const storage = changed(bench.storage(), (log) => ({
      async append(batch, body) {
        appends += 1;
        const appended = await log.append(batch, body);
        if (appends === 1) return appended;
        await failed;
        throw new AppendUnknownError('bank', 'w', 1, undefined);
      },
    }));
    const one = await bench.open({ ...ledger, storage, waitingEventsMax: 2 });
    await bench.run(one.handle(1));
    return { one, fail };
  }

  it('those under way are told unknown, those that wait not done, and so is all after', async () => {
    const { one, fail } = await openUnknown();
    const changes = one.changes({ from: 3 });
    const next = errorOf(changes.next());
    const sent = errorOf(one.handle(2));
    await bench.clock.advance(0);
    const waiting = [errorOf(one.handle(3)), errorOf(one.handle(4))];
    const ready = one.ready();
    fail();
    expect(await bench.run(sent)).toMatchObject({ code: 'ERR_APPEND_UNKNOWN', outcome: 'unknown' });
    for (const error of await bench.run(Promise.all(waiting))) expect(error).toMatchObject(poisoned);
    await bench.run(ready);
    expect(await bench.run(next)).toMatchObject(poisoned);
    await expectPoisoned(one);
    await bench.run(one.close());
    await one.close();
    await expectPoisoned(one);
    expect((await bench.open(ledger)).state.seen).toEqual([1, 2]);
  });

  it('the settlement of a call that left says unknown', async () => {
    const { one, fail } = await openUnknown();
    const abort = new AbortController();
    const left = errorOf(one.handle(2, { signal: abort.signal }));
    await bench.clock.advance(0);
    abort.abort();
    const error = (await left) as unknown as UnknownOutcomeError;
    const settled = error.settle();
    fail();
    expect(await bench.run(settled)).toMatchObject({ outcome: 'unknown' });
    await expectPoisoned(one);
  });
});

it('a journal that is broken while an instance follows it: told as a warning, and at every use', async () => {
  const storage = changed(bench.storage(), (log) => ({
    catchUp: (consistency, signal) =>
      consistency === 'eventual'
        ? Promise.reject(new JournalGapError('bank', { key: 'bank/page/0', reason: 'missing', from: 0, to: 1 }))
        : log.catchUp(consistency, signal),
  }));
  const one = await bench.open({ ...ledger, storage, follow: true });
  await bench.clock.advance(100);
  expect(bench.warnings).toMatchObject([{ code: 'ERR_JOURNAL_GAP' }]);
  await expectPoisoned(one);
});

it('a store that fails for a while poisons nobody', async () => {
  let down = true;
  const storage = changed(bench.storage(), (log) => ({
    catchUp: (consistency, signal) => (down ? Promise.reject(new Error('down')) : log.catchUp(consistency, signal)),
    append: (batch, body) => (down ? Promise.reject(new Error('down')) : log.append(batch, body)),
  }));
  const one = await bench.open({ ...ledger, storage, follow: true });
  await bench.clock.advance(5_000);
  expect((await errorOf(bench.run(one.sync()))).message).toBe('down');
  expect((await errorOf(bench.run(one.handle(1)))).message).toBe('down');
  down = false;
  expect(await bench.run(one.handle(2))).toMatchObject({ seq: 1 });
  expect(bench.warnings).toEqual([]);
});

it('a state that grows old because its store is out of reach is told of, once', async () => {
  let down = false;
  const storage = changed(bench.storage(), (log) => ({
    catchUp: (consistency, signal) => (down ? Promise.reject(new Error('down')) : log.catchUp(consistency, signal)),
  }));
  await bench.open({ ...ledger, storage, follow: true });
  const told: number[] = [];
  for (const outage of [9_000, 60_000, 60_000]) {
    down = true;
    await bench.clock.advance(outage);
    down = false;
    await bench.clock.advance(5_000);
    told.push(bench.warnings.length);
  }
  expect(told).toEqual([0, 1, 2]);
});
