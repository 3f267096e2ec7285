/**
 * Prevalence on the files of one machine: no database, no network.
 *
 * @module
 */
export {
  DirectoryError,
  DirectoryHeldError,
  type DirectoryReason,
  type HeldReason,
  type HolderFacts,
  type JournalDamage,
  JournalDamagedError,
} from './errors.js';
export { fileStorage } from './file-storage.js';
export type { FileSystem, OpenFile } from './file-system.js';
export type { HolderIdentity, Life, Machine } from './machine.js';
export type { FileStorageOptions } from './storage-options.js';
