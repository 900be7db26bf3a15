// The error classes of all parts. What a program branches on is `code` (ERR_TAILRACE_…), which stays; texts may get
// better. The native core has the same codes and texts in native/base/errors.cc, and a test compares the two tables.
//
// Failures of the operating system keep Node's own shape and code (EADDRINUSE …): see systemError().

import { getSystemErrorMap, inspect } from 'node:util';

/** Codes and texts by the name of the core's enum (native/base/status.h), without `ok`. */
export const errorTable = {
  out_of_memory: {
    code: 'ERR_TAILRACE_OUT_OF_MEMORY',
    text: 'out of memory: the limit is reached or the system refused',
  },
  system: { code: 'ERR_TAILRACE_SYSTEM', text: 'a system call failed' },
  address_in_use: { code: 'ERR_TAILRACE_ADDRESS_IN_USE', text: 'the address is already in use' },
  address_invalid: { code: 'ERR_TAILRACE_ADDRESS_INVALID', text: 'not an address that can be used here' },
  permission: { code: 'ERR_TAILRACE_PERMISSION', text: 'permission denied' },
  closed: { code: 'ERR_TAILRACE_CLOSED', text: 'already closed' },
  timed_out: { code: 'ERR_TAILRACE_TIMEOUT', text: 'timed out' },
  would_block: { code: 'ERR_TAILRACE_WOULD_BLOCK', text: 'not ready yet' },
  invalid_argument: { code: 'ERR_TAILRACE_INVALID_ARG', text: 'invalid argument' },
  stale_handle: {
    code: 'ERR_TAILRACE_STALE_HANDLE',
    text: 'the handle is stale or belongs to another copy of tailrace',
  },
  limit_exceeded: { code: 'ERR_TAILRACE_LIMIT', text: 'a limit was exceeded' },
  queue_full: { code: 'ERR_TAILRACE_QUEUE_FULL', text: 'the queue is full' },
  json_unexpected_end: { code: 'ERR_TAILRACE_JSON_SYNTAX', text: 'unexpected end of JSON input' },
  json_unexpected_token: { code: 'ERR_TAILRACE_JSON_SYNTAX', text: 'unexpected token in JSON' },
  json_invalid_number: { code: 'ERR_TAILRACE_JSON_SYNTAX', text: 'invalid number in JSON' },
  json_invalid_string: {
    code: 'ERR_TAILRACE_JSON_SYNTAX',
    text: 'control character or bad escape in a JSON string',
  },
  json_invalid_utf8: { code: 'ERR_TAILRACE_JSON_UTF8', text: 'invalid UTF-8 in JSON' },
  json_trailing: { code: 'ERR_TAILRACE_JSON_SYNTAX', text: 'unexpected data after the JSON value' },
  json_depth: { code: 'ERR_TAILRACE_JSON_DEPTH', text: 'JSON is nested too deeply' },
  json_size: { code: 'ERR_TAILRACE_JSON_SIZE', text: 'JSON input is too large' },
  json_forbidden_key: { code: 'ERR_TAILRACE_JSON_FORBIDDEN_KEY', text: 'JSON contains a forbidden key' },
  json_duplicate_key: { code: 'ERR_TAILRACE_JSON_DUPLICATE_KEY', text: 'JSON contains a key twice' },
  http_bad_request: { code: 'ERR_TAILRACE_HTTP_BAD_REQUEST', text: 'malformed HTTP request' },
  http_header_too_large: { code: 'ERR_TAILRACE_HTTP_HEADER_TOO_LARGE', text: 'HTTP header too large' },
  http_body_too_large: { code: 'ERR_TAILRACE_HTTP_BODY_TOO_LARGE', text: 'HTTP body too large' },
  http_unsupported_version: { code: 'ERR_TAILRACE_HTTP_VERSION', text: 'HTTP version not supported' },
  http_not_implemented: {
    code: 'ERR_TAILRACE_HTTP_NOT_IMPLEMENTED',
    text: 'HTTP transfer coding not implemented',
  },
} as const satisfies Record<string, { code: `ERR_TAILRACE_${string}`; text: string }>;

/** A name of the core's enum of errors. */
export type ErrorName = keyof typeof errorTable;

/** Base of what tailrace throws, but for arguments (TypeError), JSON text (SyntaxError) and the system's errors. */
export class TailraceError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    TailraceError.prototype.name = 'TailraceError';
  }
}

/** Whether tailrace made this error, whatever its class. */
export function isTailraceError(error: unknown): error is Error & { code: string } {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && code.startsWith('ERR_TAILRACE_');
}

/** An argument or option of the wrong type or outside its range. Thrown before anything starts. */
export class InvalidArgument extends TypeError {
  readonly code = errorTable.invalid_argument.code;
  /** As the caller knows it: `port`, `limits.bodyBytes`. */
  readonly argument: string;

  /**
   * @param argument name of the argument or option
   * @param expected what it must be: 'an integer from 0 to 65535'
   * @param received what it was
   */
  constructor(argument: string, expected: string, received?: unknown) {
    const shown = inspect(received, {
      depth: 0,
      breakLength: Infinity,
      maxStringLength: 40,
      maxArrayLength: 3,
    });
    super(`"${argument}" must be ${expected}. Received ${shown}`);
    this.argument = argument;
  }

  static {
    InvalidArgument.prototype.name = 'InvalidArgument';
  }
}

/** Refuses misspelt options: one that is ignored in silence is a limit that does not hold. */
export function onlyKnown(value: object, known: readonly string[], prefix = ''): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw new InvalidArgument(prefix + name, `left out: the known options are ${known.join(', ')}`, name);
    }
  }
}

/** Use of something after its close(). */
export class ClosedError extends TailraceError {
  constructor(message: string = errorTable.closed.text) {
    super(errorTable.closed.code, message);
  }

  static {
    ClosedError.prototype.name = 'ClosedError';
  }
}

/** A limit that the program itself has set (bytes, items, waiters) was reached. */
export class LimitError extends TailraceError {
  constructor(message: string = errorTable.limit_exceeded.text) {
    super(errorTable.limit_exceeded.code, message);
  }

  static {
    LimitError.prototype.name = 'LimitError';
  }
}

/** A bounded queue had no room: try later, or shed the load. */
export class QueueFullError extends TailraceError {
  constructor(message: string = errorTable.queue_full.text) {
    super(errorTable.queue_full.code, message);
  }

  static {
    QueueFullError.prototype.name = 'QueueFullError';
  }
}

/** A time limit set by the program ran out. */
export class TimeoutError extends TailraceError {
  constructor(message: string = errorTable.timed_out.text) {
    super(errorTable.timed_out.code, message);
  }

  static {
    TimeoutError.prototype.name = 'TimeoutError';
  }
}

/** Bytes or text that are not JSON, or not JSON as the options allow it. */
export class JsonSyntaxError extends SyntaxError {
  /** ERR_TAILRACE_JSON_SYNTAX, or a finer one: _UTF8, _DEPTH, _SIZE, _FORBIDDEN_KEY, _DUPLICATE_KEY. */
  readonly code: string;
  /** Index into what was passed, from 0: bytes for bytes, UTF-16 units for a string. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1, in the unit of `offset`. */
  readonly column: number;

  constructor(message: string, at: { code?: string; offset: number; line: number; column: number }) {
    super(message);
    this.code = at.code ?? errorTable.json_unexpected_token.code;
    this.offset = at.offset;
    this.line = at.line;
    this.column = at.column;
  }

  static {
    JsonSyntaxError.prototype.name = 'JsonSyntaxError';
  }
}

/** One way in which a value differs from its schema; the shape is ajv's. */
export interface JsonSchemaIssue {
  /** RFC 6901 pointer into the value. */
  instancePath: string;
  /** Pointer into the schema, with a leading '#'. */
  schemaPath: string;
  keyword: string;
  params: Record<string, unknown>;
  message: string;
}

/** A value that its schema does not allow. */
export class JsonSchemaError extends TypeError {
  readonly code: string = 'ERR_TAILRACE_JSON_SCHEMA';
  readonly errors: readonly JsonSchemaIssue[];

  constructor(errors: readonly JsonSchemaIssue[], message?: string) {
    const first = errors[0];
    super(
      message ??
        (first ? `${first.instancePath || '(root)'} ${first.message}` : 'Value does not fit its schema'),
    );
    this.errors = errors;
  }

  static {
    JsonSchemaError.prototype.name = 'JsonSchemaError';
  }
}

/** A JSON Schema that cannot be compiled. */
export class JsonSchemaDefinitionError extends TypeError {
  /**
   * ERR_TAILRACE_JSON_SCHEMA_KEYWORD: a keyword that is not supported. _INVALID: an argument that is not what its keyword
   * wants. _REF: a $ref that names nothing inside the schema.
   */
  readonly code: string;
  /** Where in the schema, as a pointer with a leading '#'. */
  readonly path: string;
  /** What is wrong there. */
  readonly problem: string;

  constructor(code: `ERR_TAILRACE_JSON_SCHEMA_${string}`, path: string, problem: string, where?: string) {
    const what = where === undefined ? 'The JSON Schema cannot' : `"${where}" is a JSON Schema that cannot`;
    super(`${what} be compiled: ${path} ${problem}`);
    this.code = code;
    this.path = path;
    this.problem = problem;
  }

  static {
    JsonSchemaDefinitionError.prototype.name = 'JsonSchemaDefinitionError';
  }
}

/**
 * An error of the operating system with Node's own shape: code, errno (negative), syscall, and where it
 * helps address and port. `errno` is the positive number of the system.
 */
export function systemError(
  errno: number,
  syscall: string,
  where?: { address?: string | undefined; port?: number | undefined },
): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error'];
  let at = '';
  if (where?.address !== undefined)
    at = where.port === undefined ? where.address : `${where.address}:${where.port}`;
  const error: NodeJS.ErrnoException & { address?: string; port?: number } = new Error(
    `${syscall} ${code}: ${text}${at === '' ? '' : ` ${at}`}`,
  );
  error.errno = -errno;
  error.code = code;
  error.syscall = syscall;
  if (where?.address !== undefined) error.address = where.address;
  if (where?.port !== undefined) error.port = where.port;
  return error;
}
