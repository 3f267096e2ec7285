/**
 * The port to where items live, and the engines behind it.
 *
 * @module
 */
export { onAbort, unlessAborted } from './aborts.js';
export { Alarm } from './alarm.js';
export {
  type CreateClientOptions,
  createClient,
  type Transport,
  type TransportOptions,
  transportOf,
} from './client.js';
export { type Clock, systemClock } from './clock.js';
export { judgeOf } from './condition.js';
export { countingClock } from './counting-clock.js';
export {
  type EngineFault,
  type EngineFaultProfile,
  type EngineFaultRule,
  engineFaultProfiles,
  engineFaultRules,
  type Milliseconds,
  type OperationKind,
} from './fault-plan.js';
export { FaultyEngine, type FaultyEngineOptions } from './faults.js';
export { type Ceilings, fullJitterMs } from './full-jitter.js';
export { type HeldAnswer, HeldMessage } from './held-message.js';
export * from './limits.js';
export { type Commit, MemoryEngine, type MemoryEngineOptions, type MemoryLimits } from './memory.js';
export { addNumbers } from './memory-number.js';
export { equalItems } from './memory-value.js';
export { Meter } from './meter.js';
export { attemptsOf, isTransient, refusalKind } from './outcome.js';
export { elapsedMs, type Moment, momentOf } from './own-time.js';
export type * from './port.js';
export { type Random, seededRandom, systemRandom } from './random.js';
export { type DynamoDBClientLike, SdkEngine } from './sdk.js';
export { isServiceItself } from './sdk-capabilities.js';
export { noteSignal, passesSignals, passSignals } from './signal-channel.js';
export { after } from './timer.js';
export { watchfulSignal } from './watchful-signal.js';
