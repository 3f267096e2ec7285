/** Heads of journals that were not read by a journal object: from a scan, or from the records of the table's stream. */
import type { AtomOptions } from '../atom/index.js';
import { type SealingCodec, withForm } from '../codec/index.js';
import { JournalFormatError } from './errors.js';
import { type Head, headCodec, journalFormat } from './head.js';
import { sealedHeadCodec } from './head-bytes.js';

/** How the atom of a head is opened and read. One that was sealed, and is no more, is read as well. */
export const headOptions: AtomOptions<Head> = {
  codec: { ...headCodec, decode: sealedHeadCodec.decode },
  large: 'refuse',
};

/** The same for a head that is sealed. */
export function sealedHeadOptions(codec: SealingCodec): AtomOptions<Head> {
  return { codec: withForm(codec, sealedHeadCodec), large: 'refuse' };
}

/** @throws {JournalFormatError} `ERR_JOURNAL_FORMAT` for a head of a later format, or of another application. */
export function requireHead(name: string, { format, label }: Head, labels: readonly string[]): void {
  if (format !== journalFormat) {
    const remedy = 'use the release that wrote it, or a later one';
    throw new JournalFormatError(name, 'format', String(format), String(journalFormat), remedy);
  }
  if (!labels.includes(label)) {
    const remedy = 'another application uses this name; choose another one, or the right format';
    throw new JournalFormatError(name, 'label (format)', JSON.stringify(label), JSON.stringify(labels[0]), remedy);
  }
}
