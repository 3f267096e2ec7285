/** Objects in files, each written before it is acknowledged: a server that is killed and started again has what it had. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StoredObject } from './stored-objects.js';

/** The objects of one bucket. */
export class KeptObjects {
  readonly #folder: string;

  constructor(folder: string, bucket: string) {
    this.#folder = path.join(folder, encodeURIComponent(bucket));
    mkdirSync(this.#folder, { recursive: true });
  }

  load(): Map<string, StoredObject> {
    const names = readdirSync(this.#folder).filter((name) => !name.endsWith(unfinished));
    return new Map(names.map((name) => [decodeURIComponent(name), this.#read(name)]));
  }

  /** Whole or not at all. */
  put(key: string, { body, etag, headers, modified }: StoredObject): void {
    const file = path.join(this.#folder, encodeURIComponent(key));
    const facts = JSON.stringify({ etag, headers, modified });
    writeFileSync(file + unfinished, Buffer.concat([Buffer.from(`${facts}\n`), body]));
    renameSync(file + unfinished, file);
  }

  delete(key: string): void {
    rmSync(path.join(this.#folder, encodeURIComponent(key)), { force: true });
  }

  #read(name: string): StoredObject {
    const bytes = readFileSync(path.join(this.#folder, name));
    const end = bytes.indexOf('\n');
    const { etag, headers, modified } = JSON.parse(bytes.toString('utf8', 0, end)) as StoredObject;
    return { body: bytes.subarray(end + 1), etag, headers, modified: new Date(modified) };
  }
}

/** No name that is encoded ends so. */
const unfinished = '%new';
