/**
 * Loads dynalite, opens its store, and tells what went wrong in words of our own.
 *
 * dynalite opens its LevelDB in the background and throws out of a callback, past everybody, if that failed: the first
 * request would end the process. So the store is opened here, before any request can come. dynalite does not hand the
 * store out; it asks its own module for one, and for that one synchronous call we stand in between.
 *
 * Invariant: when a function of this file throws, the folder is not locked by us.
 */
import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { EmbeddedError } from './errors.js';

/** A dynalite server that does not listen yet, and the store behind it, open. */
export interface OpenStore {
  readonly server: Server;
  closeStore(): Promise<void>;
}

const immediately = { createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 };

async function load() {
  try {
    const [dynalite, db] = await Promise.all([import('dynalite'), import('dynalite/db/index.js')]);
    return { dynalite: dynalite.default, db: db.default };
  } catch (cause) {
    throw new EmbeddedError(
      'Starting the embedded store: dynalite cannot be loaded; install it with "npm install dynalite"',
      { reason: 'missing', cause },
    );
  }
}

/** `mkdir -p`. Node's own recursive form never returns where a file system refuses with ENOENT, as /proc does. */
async function makeFolder(path: string): Promise<void> {
  const attempt = () =>
    mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    });
  try {
    await attempt();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await attempt();
  }
}

/** Makes `path` a writable directory, or says why it cannot be one. */
async function ensureFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === 'EEXIST' || code === 'ENOTDIR' ? 'is not a directory' : 'cannot be written';
    throw new EmbeddedError(`Starting the embedded store: ${path} ${why}; choose a folder of its own`, {
      reason: 'path-unusable',
      path,
      cause,
    });
  }
}

function explainOpen(error: unknown, path: string | undefined): EmbeddedError {
  const cause = (error as { readonly cause?: { readonly code?: string } }).cause;
  if (cause?.code === 'LEVEL_LOCKED') {
    return new EmbeddedError(
      `Starting the embedded store: ${path} is open already, here or in another process; connect to that one's endpoint`,
      { reason: 'path-in-use', path, cause: error },
    );
  }
  return new EmbeddedError(`Starting the embedded store: opening ${path ?? 'memory'} failed; see the cause`, {
    reason: 'failed',
    path,
    cause: error,
  });
}

/** Opens a store on disk under `path`, or in memory without one. Throws {@link EmbeddedError}. */
export async function openStore(path: string | undefined): Promise<OpenStore> {
  const { dynalite, db } = await load();
  if (path !== undefined) await ensureFolder(path);
  const { create } = db;
  let store: ReturnType<typeof create> | undefined;
  let server: Server;
  try {
    db.create = (options) => {
      store = create(options);
      return store;
    };
    server = dynalite(path === undefined ? { ...immediately } : { ...immediately, path });
  } finally {
    db.create = create;
  }
  const opened = store?.db;
  try {
    await opened?.open();
  } catch (error) {
    throw explainOpen(error, path);
  }
  return { server, closeStore: async () => opened?.close() };
}
