import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels, type OperationEvent } from '../atom/index.js';
import { type Context, context, type Meter, metrics, type Span, type Tracer, trace } from './api.js';
import { type Measurements, measurementsOf } from './measurements.js';
import { ContextStore, Spans } from './spans.js';

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** Makes the spans. @defaultValue that of the global provider */
  readonly tracer?: Tracer;
  /** Makes the measurements. @defaultValue that of the global provider, so install the SDK first */
  readonly meter?: Meter;
  /**
   * Whether spans name the keys of atoms (`leyden.key`) and the messages of errors, which may name keys as well. Off, because keys
   * are often personal data; measurements never name them.
   * @defaultValue false
   */
  readonly keys?: boolean;
}

/** What {@link instrument} gives. */
export interface Instrumentation {
  /** No more spans and measurements from calls that begin later. Again is no harm. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Spans and metrics of all atoms of this process, by OpenTelemetry.
 *
 * It subscribes to the library's diagnostics channels, and sends nothing itself; without an SDK it does nothing. What OpenTelemetry
 * throws is dropped, so that it fails no call.
 *
 * | name | what | attributes |
 * |---|---|---|
 * | span `swap state`, kind client | one call | `db.system.name`, `db.collection.name`, `db.operation.name`, `error.type`, `leyden.outcome`, `leyden.attempts`, … |
 * | `db.client.operation.duration` | histogram, seconds | table, operation, `error.type` |
 * | `leyden.operation.attempts` | histogram of writes per call | table, operation |
 * | `leyden.commit.callers` | histogram of calls combined in one write | table |
 * | `leyden.conflicts`, `leyden.retries`, `leyden.settlements`, `leyden.unknown_outcomes` | counters | table, and obstacle, verdict, operation |
 * | `leyden.units` | capacity units by rule | table, `leyden.unit` |
 *
 * @example
 * ```ts
 * import { metrics, trace } from '@opentelemetry/api';
 * import { AtomTable } from 'leyden-jar';
 * import { MemoryEngine } from 'leyden-jar/engine';
 * import { instrument } from 'leyden-jar/otel';
 *
 * // Once, after the SDK was started.
 * using instrumentation = instrument({ tracer: trace.getTracer('shop'), meter: metrics.getMeter('shop') });
 *
 * const table = new AtomTable({ engine: new MemoryEngine(), tableName: 'state' });
 * await table.create();
 * await table.atom<number>('hits', { initial: 0 }).swap((n) => n + 1); // span `swap state`
 * instrumentation.close();
 * ```
 */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  const { tracer = trace.getTracer('leyden-jar'), meter = metrics.getMeter('leyden-jar'), keys = false } = options;
  const measurements = measurementsOf(meter);
  const calls = listenToCalls(new Spans(tracer, keys), measurements);
  const stops = [calls];
  for (const [name, count] of Object.entries(measurements.counters)) {
    const channel = diagnosticsChannels[name as keyof typeof measurements.counters];
    const hear = (event: unknown) => unlessThrown(() => count(event as never));
    subscribe(channel, hear);
    stops.push(() => unsubscribe(channel, hear));
  }
  const close = () => {
    for (const stop of stops.splice(0)) stop();
  };
  return { close, [Symbol.dispose]: close };
}

/** A call that has begun; no span when the tracer failed. */
interface UnderWay {
  readonly startedAt: number;
  readonly span: Span | undefined;
}

/** Returns what ends it: calls that are under way then still have their ends told. */
function listenToCalls(spans: Spans, measurements: Measurements): () => void {
  const underWay = new Map<OperationEvent, UnderWay>();
  const store = new ContextStore();
  let isClosed = false;
  const channels = Object.values(diagnosticsChannels.operations).map((name) =>
    tracingChannel<Context, OperationEvent>(name),
  );
  const unsubscribeEnds = () => {
    for (const { asyncEnd } of channels) asyncEnd.unsubscribe(end);
  };
  const begin = (event: OperationEvent): Context => {
    const active = context.active();
    const span = unlessThrown(() => spans.begin(event, active));
    underWay.set(event, { startedAt: performance.now(), span });
    return (span && unlessThrown(() => trace.setSpan(active, span))) ?? active;
  };
  const end = (message: unknown) => {
    const event = message as OperationEvent;
    const call = underWay.get(event);
    if (call === undefined) return;
    underWay.delete(event);
    const { span, startedAt } = call;
    if (span !== undefined) unlessThrown(() => spans.end(span, event));
    unlessThrown(() => measurements.call(event, (performance.now() - startedAt) / 1_000));
    if (isClosed && underWay.size === 0) unsubscribeEnds();
  };
  for (const { start, asyncEnd } of channels) {
    start.bindStore(store, (event) => begin(event as unknown as OperationEvent));
    asyncEnd.subscribe(end);
  }
  return () => {
    isClosed = true;
    for (const { start } of channels) start.unbindStore(store);
    if (underWay.size === 0) unsubscribeEnds();
  };
}

/** What OpenTelemetry throws must fail no call. */
function unlessThrown<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}
