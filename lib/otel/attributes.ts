/**
 * Names of attributes. `db.*` and `error.type` are those of the semantic conventions for databases
 * (https://opentelemetry.io/docs/specs/semconv/database/), which are stable; what they have no name for is under `leyden.`.
 */
import type { OperationEvent } from '../atom/index.js';
import type { Attributes } from './api.js';

/** What every span and every measurement says of where it belongs. */
export function placeOf(table: string): Attributes {
  return { 'db.system.name': 'aws.dynamodb', 'db.collection.name': table };
}

/** And of which call it is about. */
export function callOf({ table, action }: OperationEvent): Attributes {
  return { ...placeOf(table), 'db.operation.name': action };
}

/** The kind of an error: its stable code if it has one, else its name. Never its message, which may name keys. */
export function errorTypeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  return typeof name === 'string' && name !== '' ? name : '_OTHER';
}

/** Whether the call failed; what a function throws may be `undefined`. */
export function hasFailed(event: OperationEvent): boolean {
  return 'error' in event;
}
