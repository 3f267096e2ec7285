/**
 * OpenTelemetry: spans and metrics from the library's diagnostics channels. Needs `@opentelemetry/api`.
 *
 * @module
 */
export { type Instrumentation, type InstrumentOptions, instrument } from './instrument.js';
