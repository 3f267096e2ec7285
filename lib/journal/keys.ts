/** Names of the items of one journal. Deterministic, so that whoever reads needs no scan, and spread over partitions. */

export interface JournalKeys {
  readonly head: string;
  page(page: number): string;
  /** Pages `volumePages * volume` and on, bound together. */
  volume(volume: number): string;
  /** Part `part` of body `n` of a writer. */
  body(writer: string, n: number, part: number): string;
}

/** @throws RangeError, TypeError for what can be no name. */
export function journalKeys(name: string): JournalKeys {
  if (typeof name !== 'string') throw new TypeError(`Cannot open a journal: its name must be a string: ${typeof name}`);
  if (name === '' || Buffer.byteLength(name) > nameBytesMax) {
    throw new RangeError(
      `Cannot open a journal: its name must have 1 to ${nameBytesMax} bytes: ${Buffer.byteLength(name)}`,
    );
  }
  return {
    head: `${name}/head`,
    page: (page) => `${name}/page/${page}`,
    volume: (volume) => `${name}/volume/${volume}`,
    body: (writer, n, part) => `${name}/body/${writer}/${n}${part === 0 ? '' : `/${part}`}`,
  };
}

/** Leaves room in a key for what comes behind the name. */
const nameBytesMax = 512;
