// Goal: a deleted stream leaves its name and nothing else, wherever the deletion broke off and whoever was at it; an archived one can be
// read, and takes no events.
// Method: memory engines that die at each of their requests, and what is left in the table.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, MemoryEngine } from '../../lib/engine/index.js';
import { EventStore, type RecordedEvent } from '../../lib/events/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { dyingEngine, isWriteStep, steppedEngine } from '../support/stepped-engine.js';

const tableName = 'state';

async function openMemory(): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  await new AtomTable({ engine, tableName }).create();
  return engine;
}

const storeOn = (engine: Engine) => new EventStore(new AtomTable({ engine, tableName }));
/** For a process that dies: no timer of its own goes off after that. */
const mortal = (engine: Engine) => new EventStore(new AtomTable({ engine, tableName, clock: new VirtualClock() }));
const noise = (bytes: number, n: number) =>
  Array.from({ length: bytes / 8 }, (_, index) =>
    ((n * 2_654_435_761 + index * 40_503) % 4_294_967_296).toString(36),
  ).join('');

/** A stream with pages, volumes perhaps, bodies of one and of several parts, receipts. */
async function fill(store: EventStore, stream = 'account-1'): Promise<number> {
  for (let n = 0; n < 24; n += 1) {
    await store.append(stream, [{ type: 'noted', data: noise(160, n) }], { commandId: `c-${n}` });
  }
  await store.append(stream, [{ type: 'large', data: noise(20_000, 7) }], { commandId: 'large' });
  await store.append(stream, [{ type: 'huge', data: noise(500_000, 8) }]);
  const { version } = await store.append(stream, [{ type: 'noted' }], { commandId: 'last' });
  return version;
}

async function keysIn(engine: Engine): Promise<string[]> {
  const { items } = await engine.scan({ table: tableName, consistent: true });
  return items.map(({ id }) => (id as { readonly S: string }).S).sort();
}

async function hasPageAhead(engine: Engine): Promise<boolean> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  const head = await engine.get({ table: tableName, key: { id: { S: 'events/account-1/head' } }, consistent: true });
  const data = head?.d as { readonly M: { readonly pages: { readonly N: string } } };
  return (await keysIn(engine)).includes(`events/account-1/page/${data.M.pages.N}`);
}

async function all(events: AsyncIterable<RecordedEvent>): Promise<RecordedEvent[]> {
  const seen: RecordedEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

describe('delete', () => {
  it('leaves the head of the stream and nothing else', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    const version = await fill(store);
    await store.append('account-2', [{ type: 'noted' }]);
    const before = await keysIn(engine);
    for (const kind of ['page', 'body', 'command']) {
      expect(before.some((key) => key.startsWith(`events/account-1/${kind}/`))).toBe(true);
    }
    expect(await store.delete('account-1')).toBe(true);
    expect(await keysIn(engine)).toEqual(['events/account-1/head', 'events/account-2/head']);
    expect(await store.info('account-1')).toMatchObject({ version, exists: false, closed: 'deleted' });
    expect(await store.exists('account-1')).toBe(false);
    const { items } = await engine.scan({ table: tableName, consistent: true });
    expect(JSON.stringify(items).length).toBeLessThan(3_000);
  });

  it('removes the bodies of the newest appends, which only the head names', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    await store.append('account-1', [{ type: 'large', data: noise(20_000, 1) }]);
    await store.append('account-1', [{ type: 'huge', data: noise(1_000_000, 2) }]);
    expect((await keysIn(engine)).filter((key) => key.includes('/body/')).length).toBeGreaterThan(2);
    await store.delete('account-1');
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('is refused to readers and writers from its first step on, in every process', async () => {
    const engine = await openMemory();
    const [one, other] = [storeOn(engine), storeOn(engine)];
    await fill(one);
    await other.append('account-1', [{ type: 'noted' }]);
    await one.delete('account-1');
    for (const store of [one, other, storeOn(engine)]) {
      const refused = { code: 'ERR_STREAM_CLOSED', closed: 'deleted', outcome: 'not-done' };
      await expect(store.append('account-1', [{ type: 'noted' }])).rejects.toMatchObject(refused);
      await expect(store.append('account-1', [{ type: 'large', data: noise(5_000, 1) }])).rejects.toMatchObject(
        refused,
      );
      await expect(store.append('account-1', [{ type: 'noted' }], { expected: 'no-stream' })).rejects.toMatchObject(
        refused,
      );
      await expect(all(store.read('account-1'))).rejects.toMatchObject(refused);
      await expect(all(store.read('account-1', { direction: 'backwards' }))).rejects.toMatchObject(refused);
      await expect(all(store.subscribe('account-1'))).rejects.toMatchObject(refused);
      await expect(store.archive('account-1')).rejects.toMatchObject(refused);
      await expect(store.unarchive('account-1')).rejects.toMatchObject(refused);
    }
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('is a no-op the second time, and of a stream that there is not', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    await fill(store);
    await store.delete('account-1');
    expect(await store.delete('account-1')).toBe(false);
    expect(await store.delete('account-1', { expected: 5 })).toBe(false);
    expect(await store.delete('account-9')).toBe(false);
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
    expect(await store.append('account-9', [{ type: 'noted' }], { expected: 'no-stream' })).toMatchObject({
      version: 1,
    });
  });

  it('is not begun on a stream that is not at the version that was expected', async () => {
    const store = storeOn(await openMemory());
    await store.append('account-1', [{ type: 'a' }, { type: 'b' }]);
    const conflict = {
      code: 'ERR_CONFLICT',
      expected: 1,
      actual: 2,
      message: expect.stringMatching(/^Cannot delete stream account-1/),
    };
    await expect(store.delete('account-1', { expected: 1 })).rejects.toMatchObject(conflict);
    await expect(store.delete('account-1', { expected: 1 })).rejects.toMatchObject({ events: [{ seq: 2, type: 'b' }] });
    await expect(store.delete('account-7', { expected: 'exists' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      actual: 0,
    });
    expect(await all(store.read('account-1'))).toHaveLength(2);
    expect(await store.delete('account-1', { expected: 2 })).toBe(true);
  });

  it('takes archived streams too', async () => {
    const store = storeOn(await openMemory());
    await store.append('account-1', [{ type: 'a' }]);
    await store.archive('account-1');
    expect(await store.delete('account-1')).toBe(true);
    expect(await store.info('account-1')).toMatchObject({ closed: 'deleted' });
  });

  it.each(['before', 'after'] as const)(
    'is finished by the next call when the process dies %s any of its requests',
    async (when) => {
      const filled = await openMemory();
      const filling = storeOn(filled);
      await fill(filling);
      // Until a page lies ahead of what the head has trimmed.
      for (let n = 0; !(await hasPageAhead(filled)); n += 1)
        await filling.append('account-1', [{ type: 'noted', data: noise(160, n) }]);
      const version = (await filling.info('account-1'))?.version;
      const { items } = await filled.scan({ table: tableName, consistent: true });
      for (let at = 0; ; at += 1) {
        const engine = await openMemory();
        for (const item of items) await engine.put({ table: tableName, item });
        const dying = dyingEngine(engine, at, when);
        const deleted = mortal(dying.engine).delete('account-1');
        deleted.catch(() => {});
        const isDone = await Promise.race([dying.died.then(() => false), deleted.then(() => true)]);
        const heir = storeOn(engine);
        const read = await all(heir.read('account-1')).then(
          ({ length }) => length,
          ({ code }: { readonly code: string }) => code,
        );
        expect([version, 'ERR_STREAM_CLOSED']).toContain(read);
        await heir.delete('account-1');
        expect({ at, keys: await keysIn(engine) }).toEqual({ at, keys: ['events/account-1/head'] });
        expect(await heir.info('account-1')).toMatchObject({ closed: 'deleted' });
        if (isDone) break;
      }
    },
  );

  it('removes what writers put ahead of what they had committed, and died', async () => {
    const engine = await openMemory();
    await fill(storeOn(engine));
    let [isBodyPut, died] = [false, () => {}];
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    // It dies between a body of several parts and the commit that was to name it.
    const dying = steppedEngine(engine, (step) => {
      if (step.text.includes('/body/')) isBodyPut = true;
      if (!isBodyPut || !isWriteStep(step) || step.text.includes('/body/')) return undefined;
      died();
      return new Promise(() => {});
    });
    const writer = mortal(dying);
    await writer.append('account-1', [{ type: 'noted' }]);
    writer.append('account-1', [{ type: 'huge', data: noise(1_200_000, 3) }]).catch(() => {});
    await death;
    await storeOn(engine).delete('account-1');
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('a writer that was frozen with its body put removes that itself', async () => {
    const engine = await openMemory();
    await fill(storeOn(engine));
    let thaw = () => {};
    const frozen = new Promise<void>((resolve) => {
      thaw = resolve;
    });
    let [isArmed, isFrozen] = [false, false];
    const stepped = steppedEngine(engine, (step) => {
      if (!isArmed || isFrozen || !step.text.includes('/body/') || step.kind !== 'put') return undefined;
      isFrozen = true;
      return frozen.then(() => step.send());
    });
    const writer = storeOn(stepped);
    await writer.append('account-1', [{ type: 'noted' }]);
    isArmed = true;
    const late = writer.append('account-1', [{ type: 'large', data: noise(20_000, 3) }]);
    late.catch(() => {});
    while (!isFrozen) await new Promise(setImmediate);
    await storeOn(engine).delete('account-1');
    thaw();
    await expect(late).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', closed: 'deleted', outcome: 'not-done' });
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('a page whose put was on its way when the stream was closed is removed as well', async () => {
    const engine = await openMemory();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let page: Promise<unknown> | undefined;
    const slow = steppedEngine(engine, (step) => {
      if (step.kind !== 'put' || !step.text.includes('/page/')) return undefined;
      page = held.then(() => step.send());
      return page;
    });
    const writer = storeOn(slow);
    for (let n = 0; page === undefined; n += 1)
      await writer.append('account-1', [{ type: 'noted', data: noise(160, n) }]);
    const deleting = steppedEngine(engine, (step) => {
      if (step.kind !== 'put' || !step.text.includes('"closed":{"S":"deleted"}')) return undefined;
      release();
      return page?.then(() => step.send());
    });
    await storeOn(deleting).delete('account-1');
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('a volume whose put was on its way is removed by who put it', async () => {
    const engine = await openMemory();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let volume: Promise<unknown> | undefined;
    const slow = steppedEngine(engine, (step) => {
      if (step.kind !== 'put' || !step.text.includes('/volume/')) return undefined;
      volume = held.then(() => step.send());
      return volume;
    });
    const writer = storeOn(slow);
    for (let n = 0; volume === undefined; n += 1) {
      await writer.append('account-1', [{ type: 'noted', data: noise(240, n) }]);
      await new Promise(setImmediate);
    }
    await storeOn(engine).delete('account-1');
    release();
    await writer.close();
    expect(await keysIn(engine)).toEqual(['events/account-1/head']);
  });

  it('whoever is reading is told, and not that something was lost', async () => {
    const engine = await openMemory();
    const store = storeOn(engine);
    for (let n = 0; n < 900; n += 1) await store.append('account-1', [{ type: 'noted', data: noise(400, n) }]);
    const reading = storeOn(engine).read('account-1');
    expect((await reading.next()).value).toMatchObject({ seq: 1 });
    await store.delete('account-1');
    await expect(all(reading)).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED', closed: 'deleted' });
  });
});

describe('archive', () => {
  it('refuses appends in every process, and lets read', async () => {
    const engine = await openMemory();
    const [one, other] = [storeOn(engine), storeOn(engine)];
    await one.append('account-1', [{ type: 'a' }]);
    await other.append('account-1', [{ type: 'b' }]);
    expect(await one.archive('account-1', { expected: 2 })).toBe(true);
    expect(await other.archive('account-1')).toBe(false);
    for (const store of [one, other, storeOn(engine)]) {
      const refused = { code: 'ERR_STREAM_CLOSED', closed: 'archived', outcome: 'not-done' };
      await expect(store.append('account-1', [{ type: 'c' }])).rejects.toMatchObject(refused);
      await expect(store.append('account-1', [{ type: 'large', data: noise(9_000, 1) }])).rejects.toMatchObject(
        refused,
      );
      expect((await all(store.read('account-1'))).map(({ type }) => type)).toEqual(['a', 'b']);
      expect(await store.info('account-1')).toMatchObject({ version: 2, exists: true, closed: 'archived' });
    }
    expect((await keysIn(engine)).filter((key) => key.includes('/body/'))).toEqual([]);
  });

  it('ends with unarchive: the stream goes on where it was', async () => {
    const engine = await openMemory();
    const [one, other] = [storeOn(engine), storeOn(engine)];
    await one.append('account-1', [{ type: 'a' }]);
    expect(await other.unarchive('account-1')).toBe(false);
    await one.archive('account-1');
    await expect(one.append('account-1', [{ type: 'b' }])).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect(await other.unarchive('account-1')).toBe(true);
    expect(await one.append('account-1', [{ type: 'b' }], { expected: 1 })).toMatchObject({ version: 2 });
    expect(await one.info('account-1')).toMatchObject({ closed: undefined });
    expect(await one.archive('nowhere')).toBe(false);
    expect(await one.unarchive('nowhere')).toBe(false);
  });
});
