/**
 * A record as text, and back: JSON with marks for bytes and the time. Text, since a record's images may nest as deep as an item can, and
 * would nest twice as deep in their wire form.
 */
import type { StreamRecord } from '../port.js';

/** Longest record, as text, that stands in its letter: in a transaction with all else that an item has. */
const letterBytesMax = 300_000;
/** Stands in the place of a byte string. No attribute value has that name. */
const bytesMark = '#bytes';

export function recordText(record: StreamRecord): string {
  return JSON.stringify(record, function (this: Record<string, unknown>, name, value) {
    // A Buffer's own JSON comes before this.
    const given = this[name];
    return given instanceof Uint8Array ? { [bytesMark]: Buffer.from(given).toString('base64') } : value;
  });
}

/** Whether it has an item of its own, apart from its letter. */
export function isLarge(record: StreamRecord, text: string = recordText(record)): boolean {
  return Buffer.byteLength(text) > letterBytesMax;
}

export function recordFrom(text: string): StreamRecord {
  const record: StreamRecord = JSON.parse(text, (name, value) => {
    if (name === 'ApproximateCreationDateTime' && typeof value === 'string') return new Date(value);
    const bytes = (value as { readonly [bytesMark]?: unknown } | null)?.[bytesMark];
    return typeof bytes === 'string' ? new Uint8Array(Buffer.from(bytes, 'base64')) : value;
  });
  return record;
}
