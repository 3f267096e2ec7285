/** How a reader judges ages where a day of the service passes in twenty minutes. */
import type { ReadOptions } from '../../../lib/streams/index.js';

export const scaledAges: NonNullable<ReadOptions<unknown>['ages']> = {
  retentionMs: (24 * 3_600_000) / 72,
  iteratorRefreshMs: 600_000 / 72,
  clockSlackMs: 360_000 / 72,
};

export const scaledTimes: NonNullable<ReadOptions<unknown>['times']> = {
  retentionMs: (24 * 3_600_000) / 72,
  doubtMs: (25 * 3_600_000) / 72,
  tombstoneMs: (48 * 3_600_000) / 72,
  skewMs: 300_000 / 72,
};
