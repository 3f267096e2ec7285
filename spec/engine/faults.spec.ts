// Goal: each fault does to the store exactly what its name says, and no answer claims more than is known.
// Method: a memory engine behind, one fault at a time; then messages delivered by hand; then a seeded run of everything.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { type EngineFault, engineFaultProfiles, engineFaultRules } from '../../lib/engine/fault-plan.js';
import { FaultyEngine, type FaultyEngineOptions } from '../../lib/engine/faults.js';
import { isTransient } from '../../lib/engine/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';

const table = 'jars';
const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number): AttributeValue => ({ N: String(number) });
const key: Item = { pk: S('a') };

let clock: VirtualClock;
let store: MemoryEngine;
beforeEach(async () => {
  clock = new VirtualClock();
  store = new MemoryEngine({ clock });
  await store.createTable({ table, partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } });
});
const faulty = (options: FaultyEngineOptions = {}) => new FaultyEngine(store, { clock, ...options });
const stored = () => store.get({ table, key, consistent: true });
const count = async () => Number(((await stored())?.n as { N: string } | undefined)?.N ?? 0);
const add = { table, key, update: { expression: 'ADD n :one', values: { ':one': N(1) } } };
const create = (l: string) => ({
  table,
  item: { ...key, l: S(l) },
  condition: { expression: 'attribute_not_exists(pk)' },
});
/** A conditional write on the token `base` that leaves the token `l`. */
const cas = (base: string, l: string, d = l) => ({
  table,
  item: { ...key, l: S(l), d: S(d) },
  condition: { expression: 'l = :base', values: { ':base': S(base) } },
});

describe('FaultyEngine', () => {
  describe('with a rule', () => {
    it.each<[EngineFault['kind'], number, string]>([
      ['reset-before', 0, 'unclear'],
      ['reset-after', 1, 'unclear'],
      ['cut-body', 1, 'unclear'],
      ['5xx-before', 0, 'unclear'],
      ['5xx-after', 1, 'unclear'],
      ['throttle', 0, 'not-applied'],
      ['throttle-after', 1, 'unclear'],
      ['conflict', 0, 'not-applied'],
      ['unreachable', 0, 'not-applied'],
      ['duplicate', 2, 'applied'],
      ['delay', 1, 'applied'],
    ])('%s: judged %d times, answered %s', async (kind, judged, status) => {
      const engine = faulty({ rules: [{ fault: { kind }, times: 1 }] });
      expect(await clock.run(engine.update(add))).toMatchObject({ status });
      expect(await count()).toBe(judged);
      expect(await engine.update(add)).toMatchObject({ status: 'applied' });
      expect(engine.spent()).toMatchObject({
        requests: 2,
        attempts: kind === 'duplicate' || kind === 'throttle-after' ? 3 : 2,
        unclear: status === 'unclear' ? 1 : 0,
        throttled: kind.startsWith('throttle') ? 1 : 0,
      });
    });

    it('late: unclear now, judged later', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'late', delayMs: 1_000 }, times: 1 }] });
      expect(await engine.update(add)).toMatchObject({ status: 'unclear' });
      await clock.advance(999);
      expect(await count()).toBe(0);
      await clock.advance(1);
      await engine.settled();
      expect(await count()).toBe(1);
    });

    it('late and held: judged when the test says so, and never after its signature ended', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'late', delayMs: 'held' } }] });
      await engine.update(add);
      expect(await engine.deliverLate()).toBe(1);
      expect(await count()).toBe(1);
      await engine.update(add);
      await clock.advance(15 * 60_000 + 1);
      expect(await engine.deliverLate()).toBe(1);
      expect(await count()).toBe(1);
    });

    it('duplicate: the second answer of a conditional write is a failure that says resent', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'duplicate', answer: 'second' } }] });
      const image = { ...key, l: S('t1') };
      expect(await engine.put(create('t1'))).toEqual({ status: 'condition-failed', image, resent: true });
      expect(await stored()).toEqual(image);
    });

    it('duplicate: a second copy may come after the answer', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'duplicate', answer: 'first', gapMs: 500 } }] });
      expect(await engine.update(add)).toMatchObject({ status: 'applied' });
      expect(await count()).toBe(1);
      await clock.advance(500);
      await engine.settled();
      expect(await count()).toBe(2);
    });

    it('duplicate: a refusal of two copies proves nothing', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'duplicate' } }] });
      expect(await engine.put({ table: 'none', item: key })).toMatchObject({ status: 'unclear' });
    });

    it('duplicate: a transaction is applied once, by its token', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'duplicate' } }] });
      expect(await engine.transactWrite({ actions: [{ kind: 'update', ...add }], token: 't' })).toEqual({
        status: 'applied',
      });
      expect(await count()).toBe(1);
    });

    it('conflict: a transaction is cancelled with the reason', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'conflict' } }] });
      expect(await engine.transactWrite({ actions: [{ kind: 'update', ...add }], token: 't' })).toMatchObject({
        status: 'cancelled',
        reasons: [{ code: 'TransactionConflict' }],
      });
    });

    it('partial: the second half of a batch is left over', async () => {
      const engine = faulty({ rules: [{ fault: { kind: 'partial' } }] });
      const puts = ['a', 'b', 'c'].map((pk) => ({ pk: S(pk) }));
      expect(await engine.batchWrite({ table, puts })).toEqual({
        status: 'applied',
        unprocessedPuts: [{ pk: S('c') }],
        unprocessedDeletes: [],
      });
      const got = await engine.batchGet({ table, keys: puts, consistent: true });
      expect(got).toEqual({ items: puts.slice(0, 2), unprocessed: [puts[2]] });
    });

    it('partial: a share of it, or all of it, is left over, for as long as the rule says', async () => {
      const keys = ['a', 'b', 'c'].map((pk) => ({ pk: S(pk) }));
      const engine = faulty({ rules: [{ fault: { kind: 'partial', leftShare: 1 }, times: 2 }] });
      await engine.batchWrite({ table, puts: keys });
      const none = { items: [], unprocessed: keys };
      expect(await engine.batchGet({ table, keys, consistent: true })).toEqual(none);
      expect(await engine.batchGet({ table, keys, consistent: true })).toEqual({ items: [], unprocessed: [] });
      await engine.batchWrite({ table, puts: keys });
      engine.setRules([{ fault: { kind: 'partial', leftShare: 0.3 } }]);
      expect(await engine.batchGet({ table, keys, consistent: true })).toMatchObject({ unprocessed: [] });
      engine.setRules([{ fault: { kind: 'partial', leftShare: 0.6 } }]);
      expect(await engine.batchGet({ table, keys, consistent: true })).toMatchObject({ unprocessed: [keys[2]] });
    });

    it.each<EngineFault['kind']>([
      'reset-before',
      'reset-after',
      'cut-body',
      '5xx-before',
      '5xx-after',
      'throttle',
      'late',
    ])('%s: a read rejects with an error that is worth another try', async (kind) => {
      const engine = faulty({ rules: [{ fault: { kind }, on: 'reads' }] });
      const failure = await engine.get({ table, key, consistent: true }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Error);
      expect(isTransient(failure)).toBe(true);
    });

    it('strikes by kind, request, number and times', async () => {
      const rules = [
        {
          fault: { kind: 'throttle' },
          on: ['put'],
          when: (request: object) => 'condition' in request,
          after: 1,
          times: 1,
        },
      ] as const;
      const engine = faulty({ rules });
      const statuses: string[] = [];
      statuses.push((await engine.update(add)).status);
      for (let round = 0; round < 3; round += 1) statuses.push((await engine.put(create('t'))).status);
      expect(statuses).toEqual(['applied', 'condition-failed', 'not-applied', 'condition-failed']);
    });
  });

  describe('hold()', () => {
    let engine: FaultyEngine;
    beforeEach(async () => {
      await store.put({ table, item: { ...key, l: S('base') } });
      engine = faulty();
      engine.hold(['put']);
    });
    const token = async () => ((await stored()) as { l: { S: string } }).l.S;

    it('answer lost, resend meets its own write', async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      expect(await m1.deliver()).toMatchObject({ status: 'applied' });
      m1.lose();
      expect(await first).toMatchObject({ status: 'unclear' });
      const again = engine.put(cas('base', 'A:1'));
      await (await engine.message(1)).pass();
      expect(await again).toMatchObject({ status: 'condition-failed', image: { l: S('A:1') } });
    });

    it('the first copy is delayed, the resend wins, the first then fails', async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      m1.lose();
      await first;
      const again = engine.put(cas('base', 'A:1'));
      await (await engine.message(1)).pass();
      expect(await again).toEqual({ status: 'applied', image: undefined });
      expect(await m1.deliver()).toMatchObject({ status: 'condition-failed' });
      expect(await token()).toBe('A:1');
    });

    it("a rival's write comes between: the delayed copy fails for ever", async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      m1.lose();
      await first;
      await store.put(cas('base', 'B:1'));
      const again = engine.put(cas('base', 'A:1'));
      await (await engine.message(1)).pass();
      expect(await again).toMatchObject({ status: 'condition-failed', image: { l: S('B:1') } });
      expect(await m1.deliver()).toMatchObject({ status: 'condition-failed' });
      expect(await token()).toBe('B:1');
    });

    it('a read between shows the base, and the delayed copy is applied after it', async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      m1.lose();
      expect(await first).toMatchObject({ status: 'unclear' });
      expect(await engine.get({ table, key, consistent: true })).toMatchObject({ l: S('base') });
      expect(await m1.deliver()).toMatchObject({ status: 'applied' });
    });

    it('after a hard delete a delayed create brings the item back', async () => {
      await store.delete({ table, key });
      const first = engine.put(create('A:1'));
      const m1 = await engine.message(0);
      m1.lose();
      await first;
      await store.put(create('B:1'));
      await store.delete({ table, key });
      expect(await m1.deliver()).toMatchObject({ status: 'applied' });
      expect(await token()).toBe('A:1');
    });

    it('applied, then a second copy throttled: the caller may not be told not-applied', async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      await m1.deliver();
      await m1.deliver();
      m1.answer({ status: 'not-applied', kind: 'throttled', error: new Error('slow down') } as { status: string });
      expect(await first).toMatchObject({ status: 'unclear', error: { message: 'slow down' } });
    });

    it('delivered twice: the last verdict says resent', async () => {
      const first = engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      await m1.deliver();
      await m1.pass();
      expect(await first).toMatchObject({ status: 'condition-failed', resent: true, image: { l: S('A:1') } });
    });

    it('a dropped message never arrives, one older than its signature is refused', async () => {
      void engine.put(cas('base', 'A:1'));
      const m1 = await engine.message(0);
      m1.drop();
      await expect(m1.deliver()).rejects.toThrow(/dropped/);
      void engine.put(cas('base', 'A:2'));
      const m2 = await engine.message(1);
      await clock.advance(15 * 60_000 + 1);
      expect(await m2.deliver()).toMatchObject({ status: 'not-applied', kind: 'refused' });
      expect(await token()).toBe('base');
    });

    it('an abort ends the wait, not the message', async () => {
      const controller = new AbortController();
      const first = engine.put(cas('base', 'A:1'), { signal: controller.signal });
      const m1 = await engine.message(0);
      controller.abort();
      expect(await first).toMatchObject({ status: 'unclear', error: { name: 'AbortError' } });
      expect(await m1.deliver()).toMatchObject({ status: 'applied' });
    });

    it('other kinds, and all after release(), pass', async () => {
      expect(await engine.update(add)).toMatchObject({ status: 'applied' });
      engine.release();
      expect(await engine.put(cas('base', 'A:1'))).toMatchObject({ status: 'applied' });
      expect(engine.messages).toHaveLength(0);
    });
  });

  describe('a profile', () => {
    /** Writers count on one item by compare-and-set; tells the log of answers and what was counted. */
    async function run(profile: (typeof engineFaultProfiles)[number], seed: number) {
      clock = new VirtualClock();
      store = new MemoryEngine({ clock, seed, latency: () => 5 });
      await clock.run(
        store.createTable({ table, partitionKey: { name: 'pk', type: 'S' }, billing: { mode: 'on-demand' } }),
      );
      const engine = faulty({ rules: engineFaultRules(profile, 0.3), seed });
      const log: string[] = [];
      let atLeast = 0;
      let unclear = 0;
      const writer = async (name: number) => {
        for (let seq = 0; seq < 20; seq += 1) {
          const answer = await engine.update(add);
          log.push(`${name}:${seq}:${answer.status}@${clock.monotonicMs()}`);
          if (answer.status === 'applied') atLeast += 1;
          if (answer.status === 'unclear') unclear += 1;
          await clock.sleep(10);
        }
      };
      await clock.run(Promise.all([writer(1), writer(2), writer(3)]));
      await clock.run(engine.settled());
      return { log, atLeast, unclear, counted: await clock.run(count()) };
    }

    it.each(engineFaultProfiles)(
      '%s is the same run for the same seed, and within what was answered',
      async (profile) => {
        const [one, same, other] = [await run(profile, 7), await run(profile, 7), await run(profile, 8)];
        expect(same).toEqual(one);
        expect(other.log).not.toEqual(one.log);
        expect(one.counted).toBeGreaterThanOrEqual(one.atLeast);
        const doubled = profile === 'duplicate' || profile === 'all-mixed' ? one.atLeast : 0;
        expect(one.counted).toBeLessThanOrEqual(one.atLeast + one.unclear + doubled);
      },
    );
  });
});
