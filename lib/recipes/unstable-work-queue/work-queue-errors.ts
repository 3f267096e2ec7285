import { LeydenError } from '../../errors.js';

/** `ERR_QUEUE_FULL`: the queue holds as many segments as its head can name. Nothing was put. */
export class QueueFullError extends LeydenError {
  readonly jobsMax: number;

  constructor(name: string, jobsMax: number) {
    super(
      'ERR_QUEUE_FULL',
      `Cannot put into work-queue ${name}: about ${jobsMax} jobs are in it already; let workers catch up, or use several queues`,
      { outcome: 'not-done', retryable: true },
    );
    this.jobsMax = jobsMax;
  }
}
