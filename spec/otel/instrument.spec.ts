// Goal: with OpenTelemetry's own SDK, each call is one span in its right place, and what is counted is what happened; no key and no
// value leaves the process unless asked for; and what OpenTelemetry throws fails no call.
// Method: the SDK's exporters in memory, atoms on a memory engine behind faults.
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { context, type Meter, metrics, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { diagnosticsChannels, type ItemAtom } from '../../lib/atom/index.js';
import { type Instrumentation, type InstrumentOptions, instrument } from '../../lib/otel/index.js';
import { type Bench, openBench, outcomeOf, overridden } from '../atom/bench.js';

const increment = (n: number) => n + 1;
const place = { 'db.system.name': 'aws.dynamodb', 'db.collection.name': 'state' };
const swapped = { ...place, 'db.operation.name': 'swap' };

class Collector {
  readonly spans = new InMemorySpanExporter();
  readonly #tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.spans)] });
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({ exporter: this.#metrics, exportIntervalMillis: 3_600_000 });
  readonly #meters = new MeterProvider({ readers: [this.#reader] });

  get tracer(): Tracer {
    return this.#tracers.getTracer('spec');
  }
  get meter(): Meter {
    return this.#meters.getMeter('spec');
  }

  /** All measurements by name, each as its attributes and its value: the sum of a counter, count and sum of a histogram. */
  async measured(): Promise<Record<string, (readonly [object, unknown])[]>> {
    this.#metrics.reset();
    await this.#reader.forceFlush();
    const all = this.#metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    return Object.fromEntries(
      all.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        dataPoints.map(({ attributes, value }) => [attributes, plainOf(value)] as const),
      ]),
    );
  }

  async close(): Promise<void> {
    await this.#tracers.shutdown();
    await this.#meters.shutdown();
  }
}

function plainOf(value: unknown): unknown {
  if (typeof value !== 'object') return value;
  const { count, sum } = value as { count: number; sum: number };
  return { count, sum };
}

let bench: Bench;
let atom: ItemAtom<number, number>;
let rival: ItemAtom<number, number>;
let collector: Collector;
let instrumentation: Instrumentation;
const start = (options: InstrumentOptions = {}) => {
  const { tracer, meter } = collector;
  instrumentation = instrument({ tracer, meter, ...options });
};
beforeEach(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  collector = new Collector();
  bench = await openBench();
  atom = bench.table({ retry: { attemptTimeoutMs: 100, settleMs: 500 } }).atom<number>('n', { initial: 0 });
  rival = bench.calm().atom<number>('n', { initial: 0 });
});
afterEach(async () => {
  instrumentation.close();
  await collector.close();
  context.disable();
  trace.disable();
  metrics.disable();
});
const spans = () => collector.spans.getFinishedSpans();
const only = (): ReadableSpan => {
  expect(spans()).toHaveLength(1);
  return spans()[0] as ReadableSpan;
};

describe('a span', () => {
  it('is one call, named and described by the conventions, with its effort', async () => {
    start();
    await bench.run(atom.swap(increment));
    const { name, kind, attributes, status } = only();
    expect([name, kind, status.code]).toEqual(['swap state', SpanKind.CLIENT, SpanStatusCode.UNSET]);
    expect(attributes).toEqual({
      ...swapped,
      'leyden.outcome': 'applied',
      'leyden.attempts': 1,
      'leyden.conflicts': 0,
      'leyden.callers': 1,
      'leyden.requests': 2,
      'leyden.read_units': 1,
      'leyden.write_units': 1,
    });
  });

  it('of a read says so', async () => {
    start();
    await bench.run(atom.snapshot());
    expect(only().name).toBe('snapshot state');
    expect(only().attributes).toMatchObject({ 'db.operation.name': 'snapshot', 'leyden.outcome': 'read' });
  });

  it('of a call that fails has the code as its type, and no message, as that names the key', async () => {
    start();
    bench.faulty.setRules([{ fault: { kind: 'reset-before' } }]);
    await bench.run(outcomeOf(atom.swap(increment, { timeoutMs: 10 })).done);
    const { attributes, status } = only();
    expect(attributes).toMatchObject({ 'error.type': 'ERR_DEADLINE', 'leyden.outcome': 'not-done' });
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'ERR_DEADLINE' });
  });

  it.each([
    [new RangeError('c0nfidential'), 'RangeError'],
    [Object.assign(new Error('c0nfidential'), { name: 'AccessDeniedException' }), 'AccessDeniedException'],
    [undefined, '_OTHER'],
    ['c0nfidential', '_OTHER'],
  ])('of a function that throws %p says %s, and nothing of what it threw', async (thrown, type) => {
    start();
    const failing = atom.swap(() => {
      throw thrown;
    });
    await bench.run(outcomeOf(failing).done);
    expect(only().attributes).toMatchObject({ 'error.type': type });
    expect(only().status).toEqual({ code: SpanStatusCode.ERROR, message: type });
    expect(only().events).toEqual([]);
  });

  it('names key and message when asked to', async () => {
    start({ keys: true });
    bench.faulty.setRules([{ fault: { kind: 'reset-before' } }]);
    await bench.run(outcomeOf(atom.deref({ timeoutMs: 10 })).done);
    expect(only().attributes).toMatchObject({ 'leyden.key': 'n' });
    expect(only().status.message).toContain('Cannot deref atom n');
  });

  it('is a child of the span in which the call was made, and the parent of those inside it', async () => {
    const { tracer } = collector;
    const engine = overridden(bench.memory, {
      put: async (request) => {
        tracer.startSpan('PutItem').end();
        return bench.memory.put(request);
      },
    });
    const traced = bench.table({ engine }).atom<number>('n', { initial: 0 });
    start();
    const inside = (n: number) => {
      tracer.startSpan('price').end();
      return n + 1;
    };
    const outer = tracer.startSpan('checkout');
    await bench.run(context.with(trace.setSpan(context.active(), outer), () => traced.swap(inside)));
    expect(trace.getActiveSpan()).toBeUndefined();
    outer.end();
    const byName = Object.fromEntries(spans().map((span) => [span.name, span]));
    const parentOf = (name: string) => byName[name]?.parentSpanContext?.spanId;
    expect(parentOf('swap state')).toBe(outer.spanContext().spanId);
    expect(parentOf('price')).toBe(byName['swap state']?.spanContext().spanId);
    expect(parentOf('PutItem')).toBe(byName['swap state']?.spanContext().spanId);
  });

  it('of a batch says how many', async () => {
    start();
    const { asyncEnd, start: begin } = tracingChannel(diagnosticsChannels.operations.batch);
    const event = { kind: 'batch', action: 'getMany', table: 'state', key: undefined, atoms: 3 };
    begin.runStores(event, () => undefined);
    asyncEnd.publish(event);
    expect(only().attributes).toMatchObject({ 'db.operation.name': 'getMany', 'db.operation.batch.size': 3 });
  });
});

describe('measurements', () => {
  it('of calls: durations, attempts, units, by table and operation', async () => {
    start();
    await bench.run(Promise.all([atom.swap(increment), atom.swap(increment)]));
    await bench.run(atom.deref());
    const seen = await collector.measured();
    const counts = seen['db.client.operation.duration']?.map(([where, value]) => [
      where,
      (value as { count: number }).count,
    ]);
    expect(counts).toEqual([
      [swapped, 2],
      [{ ...place, 'db.operation.name': 'deref' }, 1],
    ]);
    expect(seen['leyden.operation.attempts']).toEqual([[swapped, { count: 2, sum: 2 }]]);
    expect(seen['leyden.commit.callers']).toEqual([[place, { count: 1, sum: 2 }]]);
    const { readUnits, writeUnits } = bench.memory.spent();
    expect(seen['leyden.units']).toEqual([
      [{ ...place, 'leyden.unit': 'read' }, readUnits],
      [{ ...place, 'leyden.unit': 'write' }, writeUnits],
    ]);
  });

  it('of trouble: conflicts, retries, settlements, unknown outcomes', async () => {
    start();
    await bench.run(atom.deref());
    await bench.run(rival.swap(increment));
    bench.faulty.setRules([{ fault: { kind: 'throttle' }, on: 'writes', times: 1 }]);
    await bench.run(atom.swap(increment));
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes', times: 1 }]);
    await bench.run(atom.swap(increment));
    bench.faulty.setRules([{ fault: { kind: 'reset-after' }, on: 'writes' }]);
    await bench.run(outcomeOf(atom.swap(increment, { timeoutMs: 10 })).done);
    await bench.clock.advance(1_000);
    const seen = await collector.measured();
    expect(seen['leyden.conflicts']).toEqual([[place, 1]]);
    expect(seen['leyden.retries']).toContainEqual([{ ...place, 'leyden.obstacle': 'throttled' }, 1]);
    expect(seen['leyden.settlements']).toEqual([
      [{ ...place, 'leyden.verdict': 'applied' }, 1],
      [{ ...place, 'leyden.verdict': 'unknown' }, 1],
    ]);
    expect(seen['leyden.unknown_outcomes']).toEqual([[swapped, 1]]);
    const failed = seen['db.client.operation.duration']?.filter(([where]) => 'error.type' in where);
    expect(failed).toMatchObject([[{ ...swapped, 'error.type': 'ERR_UNKNOWN_OUTCOME' }, { count: 1 }]]);
  });

  it('never name a key, also when spans do', async () => {
    start({ keys: true });
    await bench.run(atom.swap(increment));
    expect(JSON.stringify(await collector.measured())).not.toContain('leyden.key');
  });
});

describe('instrument()', () => {
  it('takes the global providers, and without any does nothing', async () => {
    instrumentation = instrument();
    expect(await bench.run(atom.swap(increment))).toBe(1);
    instrumentation.close();
    const tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(collector.spans)] });
    trace.setGlobalTracerProvider(tracers);
    instrumentation = instrument();
    await bench.run(atom.swap(increment));
    expect(only().instrumentationScope.name).toBe('leyden-jar');
    await tracers.shutdown();
  });

  it('works without a context manager, whose spans then have no parents', async () => {
    context.disable();
    start();
    expect(await bench.run(atom.swap(increment))).toBe(1);
    expect(only().parentSpanContext).toBeUndefined();
  });

  it('closed: calls that had begun have their ends, later ones have none, and nobody listens any more', async () => {
    start();
    const listens = () =>
      Object.values(diagnosticsChannels.operations).map((name) => tracingChannel(name).hasSubscribers);
    await bench.run(atom.deref());
    collector.spans.reset();
    bench.faulty.hold();
    const swap = atom.swap(increment);
    const message = await bench.message(0);
    instrumentation.close();
    instrumentation.close();
    await bench.run(atom.deref({ consistency: 'cached' }));
    expect(spans()).toEqual([]);
    await message.pass();
    await bench.run(swap);
    expect(only().attributes).toMatchObject({ 'leyden.outcome': 'applied' });
    expect(listens()).toEqual([false, false, false, false]);
  });

  it('closed while nothing is under way: nobody listens any more', async () => {
    start();
    instrumentation[Symbol.dispose]();
    expect(tracingChannel(diagnosticsChannels.operations.swap).hasSubscribers).toBe(false);
    await bench.run(atom.swap(increment));
    expect(spans()).toEqual([]);
  });

  it('fails no call when the tracer or the meter does', async () => {
    const fail = () => {
      throw new Error('no telemetry');
    };
    const span = new Proxy({}, { get: () => fail }) as never;
    const failing = { createCounter: () => ({ add: fail }), createHistogram: () => ({ record: fail }) } as never;
    for (const tracer of [{ startSpan: fail }, { startSpan: () => span }]) {
      start({ tracer: tracer as never, meter: failing });
      expect(await bench.run(atom.swap(increment))).toBeGreaterThan(0);
      instrumentation.close();
    }
  });
});
