/** All that is used of OpenTelemetry: its API, which does nothing until an SDK is installed. */
export {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
