/** The ground of a run: a watched table, a table for groups and views, and what is really in the stream. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PageAnswer, Random } from '../../../lib/engine/index.js';
import { ConsumerGroup, type GroupStatus, TableStream } from '../../../lib/streams/index.js';
import type { ReshardPlan } from '../../../lib/testing/index.js';
import type { Store } from '../stores.js';
import {
  emptyItemView,
  type ItemView,
  viewPartition,
  type Whereabouts,
  type Written,
  writeOf,
  writtenOf,
} from './notes.js';
import { openWires, type Wires } from './wires.js';
import { Writer, type WriterOptions } from './writer.js';

export const group = 'chaos';
/** Nobody has to wait so long for anything, on the busiest machine. */
const patienceMs = 90_000;
const lookMs = 100;
/** As many as one transaction can have beside the lease. */
const keysMax = 64;

let stages = 0;

export class Stage {
  readonly where: Whereabouts;
  readonly wires: Wires;
  readonly #group: ConsumerGroup<unknown>;
  readonly #counts = new Map<string, number>();

  private constructor(where: Whereabouts) {
    this.where = where;
    this.wires = openWires(where);
    const stream = new TableStream({ port: this.wires.port, table: this.wires.watched });
    this.#group = new ConsumerGroup({ name: group, stream, table: this.wires.groups });
  }

  static async open({ endpoint }: Store, reshard?: ReshardPlan): Promise<Stage> {
    stages += 1;
    const name = `streams-${process.pid}-${stages}`;
    const stage = new Stage({ endpoint, watched: name, groups: `${name}-groups`, reshard });
    await stage.wires.watched.create({ streamViewType: 'NEW_IMAGE' });
    await stage.wires.groups.create();
    return stage;
  }

  write(random: Random, options: Pick<WriterOptions, 'writes' | 'writesPerSecond'>): Writer {
    return new Writer({
      ...{ engine: this.wires.engine, table: this.where.watched, random, keys: keysMax, counts: this.#counts },
      ...options,
    });
  }

  status(): Promise<GroupStatus> {
    return this.#group.status();
  }

  /** Everything that is in the stream, asked for by nothing but the requests themselves. */
  async truth(): Promise<readonly Written[]> {
    const { real } = this.wires;
    const [{ arn = '' } = {}] = await real.streamsOf(this.where.watched);
    const [{ shardId = '' } = {}] = (await real.describe({ arn })).shards;
    const all: Written[] = [];
    let iterator: string | undefined = await real.iterator({ arn, shardId, start: { type: 'TRIM_HORIZON' } });
    for (let empty = 0; iterator !== undefined && empty < 3; ) {
      const page: Awaited<ReturnType<typeof real.records>> = await real.records({ arn, shardId, iterator });
      all.push(...page.records.map(writtenOf));
      empty = page.records.length === 0 ? empty + 1 : 0;
      iterator = page.nextIterator;
    }
    return all;
  }

  /** What is wrong with the view: each item's count must be what a scan of the table finds. */
  async viewFindings(): Promise<readonly string[]> {
    const { engine, groups } = this.wires;
    const views = new Map<string, ItemView>();
    for await (const { key, value } of groups.scan<ItemView>({ pk: viewPartition })) {
      views.set((key as { readonly sk: string }).sk, value as ItemView);
    }
    const findings: string[] = [];
    let startKey: PageAnswer['nextKey'];
    do {
      const page: PageAnswer = await engine.scan({ table: this.where.watched, consistent: true, startKey });
      for (const item of page.items) {
        const { key, n } = writeOf(item);
        const view = views.get(key) ?? emptyItemView;
        if (view.n === n && view.count === n && view.again === 0) continue;
        findings.push(`${key} was written ${n} times, and its view is ${JSON.stringify(view)}`);
      }
      startKey = page.nextKey;
    } while (startKey !== undefined);
    return findings;
  }

  /** Looks until it is so. */
  async until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const sinceMs = performance.now();
    while (!(await isSo())) {
      if (performance.now() - sinceMs > patienceMs) throw new Error(`${what}: not so for ${patienceMs} ms`);
      await sleep(lookMs);
    }
  }

  close(): void {
    this.wires.close();
  }
}
