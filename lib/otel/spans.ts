/**
 * A span for each call, active while the call is under way: spans of your function, and of the SDK's requests where that is
 * instrumented, become its children.
 *
 *   start (store bound) -> span begins, and is the active one for the call -> … -> asyncEnd -> attributes, span ends
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OperationEvent } from '../atom/index.js';
import { type Context, context, type Span, SpanKind, SpanStatusCode, type Tracer } from './api.js';
import { callOf, errorTypeOf, hasFailed } from './attributes.js';

/** Makes a context the active one in OpenTelemetry's own way, wherever it keeps it. To be bound to the start of calls. */
export class ContextStore extends AsyncLocalStorage<Context> {
  override run<R, Arguments extends unknown[]>(
    active: Context,
    callback: (...args: Arguments) => R,
    ...args: Arguments
  ): R {
    return context.with(active, callback, undefined, ...args);
  }
}

export class Spans {
  readonly #tracer: Tracer;
  readonly #keys: boolean;

  constructor(tracer: Tracer, keys: boolean) {
    this.#tracer = tracer;
    this.#keys = keys;
  }

  begin(event: OperationEvent, active: Context): Span {
    const attributes = callOf(event);
    if (this.#keys && event.key !== undefined) attributes['leyden.key'] = event.key;
    return this.#tracer.startSpan(`${event.action} ${event.table}`, { kind: SpanKind.CLIENT, attributes }, active);
  }

  end(span: Span, event: OperationEvent): void {
    const { outcome, attempts, conflicts, callers, atoms, requests, readUnits, writeUnits } = event;
    span.setAttributes({
      ...(outcome !== undefined && { 'leyden.outcome': outcome }),
      ...(atoms !== 1 && { 'db.operation.batch.size': atoms }),
      'leyden.attempts': attempts,
      'leyden.conflicts': conflicts,
      'leyden.callers': callers,
      'leyden.requests': requests,
      'leyden.read_units': readUnits,
      'leyden.write_units': writeUnits,
    });
    if (hasFailed(event)) {
      const type = errorTypeOf(event.error);
      span.setAttribute('error.type', type);
      // A message names the key, and that of your own function may hold anything.
      const message = this.#keys && event.error instanceof Error ? event.error.message : type;
      span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    span.end();
  }
}
