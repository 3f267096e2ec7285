/** What specs of prevalent systems share with the contract of storages: a small system, a clock that is set by hand, text that can't be packed. */
export { errorOf } from '../../lib/testing/storage-contract/checks.js';
export {
  type Entry,
  type HandClock,
  handClock,
  type Ledger,
  ledger,
  noise,
  range,
} from '../../lib/testing/storage-contract/samples.js';
