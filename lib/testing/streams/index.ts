/** Streams to test against: simulated ones, and real ones cut into shards. */
export { type Range, type StreamCapriceProfile, type StreamCaprices, streamCaprices } from './caprices.js';
export { ReshardedStreams } from './reshard.js';
export type { ReshardPlan } from './reshard-map.js';
export type { SimulatedStreams } from './simulated-port.js';
export type { WrittenRecord } from './simulated-stream.js';
export { StreamSimulator, type StreamSimulatorOptions } from './simulator.js';
export type { ShardTrafficView, ShardView, StreamTraffic } from './simulator-views.js';
export { type StreamSimulatorLimits, scaledStreamLimits, streamSimulatorLimits } from './stream-limits.js';
export type { SourceOptions } from './synthetic-shard.js';
export type { StreamViolation } from './traffic.js';
