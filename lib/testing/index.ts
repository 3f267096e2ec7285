/**
 * What this project tests itself with, for your own specs: real engines, faults between you and them, and time that
 * you turn by hand.
 *
 * @module
 */
export type {
  CheckedOutcome,
  CommandOutcome,
  CommandResult,
  ExpectedEvent,
  OutcomeChecks,
  ThrownCheck,
} from './command-outcome.js';
export {
  type DynamoDBLocal,
  DynamoDBLocalError,
  type DynamoDBLocalFailure,
  type DynamoDBLocalOptions,
  startDynamoDBLocal,
} from './dynamodb-local.js';
export { type FaultProfile, faultProfiles, faultRules } from './fault-profiles.js';
export {
  type FaultChoice,
  type FaultProxy,
  type FaultProxyOptions,
  type FaultStats,
  startFaultProxy,
} from './fault-proxy.js';
export type { CannedAnswer, FaultKind, FaultOperations, FaultRule } from './fault-rules.js';
export { type DynamoDBLocalFound, findDynamoDBLocal } from './find-dynamodb-local.js';
export { Given, type GivenOptions, given, type WhenOptions } from './given.js';
export {
  type StorageFact,
  type StorageFactory,
  storageContract,
  type TestedStore,
} from './storage-contract/index.js';
export * from './streams/index.js';
export { VirtualClock, type VirtualClockOptions } from './virtual-clock.js';
