/**
 * Jobs for many workers, put and acknowledged in transactions. Not settled yet: what is here may change in any release.
 *
 * @experimental
 * @module
 */
export { Job, type NackOptions } from './job.js';
export { type DeadLetter, type PutOptions, WorkQueue, type WorkQueueOptions } from './work-queue.js';
export { QueueFullError } from './work-queue-errors.js';
