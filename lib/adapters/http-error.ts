// Errors as Express and its middleware know them: the status, whether the client may see the text, a type to branch on.
// The shape is that of the package http-errors, which body-parser uses.

export interface HttpError extends Error {
  status: number;
  statusCode: number;
  /** Whether the text may be sent to the client: for 4xx. */
  expose: boolean;
  type?: string;
  body?: unknown;
}

function errorClass(status: number, name: string): new (message: string) => HttpError {
  const made = class extends Error {};
  // on the prototype, so that a logger which prints what is an error's own prints what is special about it
  const shared = { status, statusCode: status, expose: status < 500, name };
  for (const [key, value] of Object.entries(shared))
    Object.defineProperty(made.prototype, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  // the class has the name, too: reports of errors group by it
  Object.defineProperty(made, 'name', { value: name, configurable: true });
  return made as unknown as new (
    message: string,
  ) => HttpError;
}

const kClasses = {
  400: errorClass(400, 'BadRequestError'),
  403: errorClass(403, 'ForbiddenError'),
  413: errorClass(413, 'PayloadTooLargeError'),
  415: errorClass(415, 'UnsupportedMediaTypeError'),
  500: errorClass(500, 'InternalServerError'),
};

/** A new error of a status; `more` are properties of its own. */
export function httpError(status: keyof typeof kClasses, message: string, more: object): HttpError {
  const error = new kClasses[status](message);
  // JSON of the error, which some applications answer with, has the text
  Object.defineProperty(error, 'message', {
    value: message,
    enumerable: true,
    configurable: true,
    writable: true,
  });
  return Object.assign(error, more);
}

/**
 * The error itself with a status, unless it has one of 4xx or 5xx, and with `more`. What was thrown need not be an error: a text is
 * the text of one, and so is that of an error which nothing can be written to.
 */
export function asHttpError(status: 400 | 403, thrown: unknown, more: object): HttpError {
  if (typeof thrown === 'string') return httpError(status, thrown, more);
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as HttpError;
  const own = error.status || error.statusCode;
  const known = typeof own === 'number' && own >= 400 && own < 600 ? own : own === undefined ? status : 500;
  try {
    if (error.status !== known || error.expose === undefined) {
      // in http-errors' order, which JSON of the error shows
      error.expose = known < 500;
      error.statusCode = known;
      error.status = known;
    }
    return Object.assign(error, more);
  } catch {
    return httpError(status, error.message, more);
  }
}
