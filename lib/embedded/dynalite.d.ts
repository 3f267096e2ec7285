/** dynalite ships no types: what this folder uses of it. Not part of the published types, no exported type refers to it. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface DynaliteOptions {
    readonly path?: string;
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }
  export default function dynalite(options?: DynaliteOptions): Server;
}

declare module 'dynalite/db/index.js' {
  interface Store {
    readonly db: { open(): Promise<void>; close(): Promise<void> };
  }
  const db: { create(options?: object): Store };
  export default db;
}
