/**
 * Values as texts and back.
 *
 *     plain      {"at":"2026-05-01T00:00:00.000Z"}                                    readable; what JSON lacks becomes text
 *     superjson  {"json":{"at":"2026-05-01T00:00:00.000Z"},"meta":{"values":…}}       the whole value, there and back
 */
import type { Readable } from 'node:stream';
import { types } from 'node:util';
import { runInThisContext } from 'node:vm';
import { jsonCodec } from '../codec/index.js';
import { CommandError, UsageError } from './exit.js';
import { plainDocument } from './plain-document.js';

/** How values are written and read. */
export type Form = 'plain' | 'superjson';

/** A document for `JSON.stringify`. */
export function documentOf(value: unknown, form: Form): unknown {
  return form === 'superjson'
    ? JSON.parse((jsonCodec.encode(value) as { readonly S: string }).S)
    : plainDocument(value);
}

/** For people. */
export function textOf(value: unknown, form: Form): string {
  return JSON.stringify(documentOf(value, form), undefined, 2);
}

/** @throws {UsageError} for what is no value in this form. */
export function valueIn(text: string, form: Form, what: string): unknown {
  try {
    return form === 'superjson' ? jsonCodec.decode({ S: text }) : JSON.parse(text);
  } catch (error) {
    const advice = form === 'superjson' ? '' : `; for a text write '${JSON.stringify(text)}', or use --string`;
    const reason = (error as Error).message.split(' in JSON')[0];
    throw new UsageError(`${what} is no ${form === 'superjson' ? 'superjson' : 'JSON'} (${reason})${advice}`);
  }
}

/** All of standard input, without a byte order mark and the last line's end. @throws {UsageError} for what is no UTF-8. */
export async function readAll(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array | string));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)).replace(/\r?\n$/, '');
  } catch {
    throw new UsageError('Standard input is no UTF-8 text');
  }
}

/**
 * A function from its text. The text is code, and runs with all rights of this process: it comes from whoever typed the command, as
 * with `node -e`.
 *
 * @throws {UsageError} for what is no function.
 */
export function functionIn(text: string): (value: unknown) => unknown {
  let made: unknown;
  try {
    // Strict, so that a function that changes its frozen argument fails, instead of changing nothing.
    made = runInThisContext(`'use strict';(${text}\n)`, { filename: 'FUNCTION' });
  } catch (error) {
    throw new UsageError(`FUNCTION is no JavaScript: ${(error as Error).message}`);
  }
  if (typeof made !== 'function') {
    throw new UsageError(`FUNCTION must be a function of the value, for instance 'n => n + 1': "${text}"`);
  }
  const f = made as (value: unknown) => unknown;
  return (value) => {
    const failed = (error: unknown): never => {
      const { message = String(error) } = (error ?? {}) as { readonly message?: string };
      throw new CommandError('ERR_FUNCTION', `FUNCTION failed, nothing was written: ${message}`, { cause: error });
    };
    try {
      const result = f(value);
      return types.isPromise(result) ? result.then(returned).catch(failed) : returned(result);
    } catch (error) {
      return failed(error);
    }
  };
}

function returned(result: unknown): unknown {
  if (result === undefined) throw new TypeError('it returned undefined; return the new value (null is one)');
  return result;
}
