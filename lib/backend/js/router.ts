// Matches a method and a path against the routes of a server: a tree of path segments in which a literal beats
// a parameter at each level, with a step back when the literal's branch ends nowhere. Paths are compared as
// sent (no decoding, no slash folding): two spellings of one path are two paths, so no check can be slipped past.

import type { RouteSpec } from '../contract';

export interface RouteMatch {
  route: RouteSpec | undefined;
  params: string[];
  /** Methods the path knows, when it knows others only. */
  allow: string | undefined;
}

interface RouteNode {
  literals: Map<string, RouteNode>;
  param: RouteNode | undefined;
  routes: Map<string, RouteSpec> | undefined;
}

function makeNode(): RouteNode {
  return { literals: new Map(), param: undefined, routes: undefined };
}

/** The value of Allow: each once, HEAD with GET. */
function listOf(methods: readonly string[]): string {
  const list = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set(list)].filter((method) => method !== '*').join(', ');
}

export class Router {
  private readonly root = makeNode();
  private readonly plain = new Map<string, Map<string, RouteSpec>>();
  private readonly notFound: RouteSpec | undefined;
  /** Every method that some path knows: what OPTIONS * is answered with. */
  readonly methods: string;

  constructor(routes: readonly RouteSpec[], health: boolean) {
    const known = routes.filter(({ path }) => path !== '*').map(({ method }) => method);
    this.methods = listOf(['OPTIONS', ...(health ? ['GET'] : []), ...known]);
    for (const route of routes) {
      if (route.path === '*') {
        this.notFound = route;
        continue;
      }
      let node = this.root;
      for (const segment of route.path.slice(1).split('/')) {
        if (segment.startsWith(':')) {
          node.param ??= makeNode();
          node = node.param;
        } else {
          let next = node.literals.get(segment);
          if (next === undefined) {
            next = makeNode();
            node.literals.set(segment, next);
          }
          node = next;
        }
      }
      node.routes ??= new Map();
      node.routes.set(route.method, route);
      if (!route.path.includes('/:')) this.plain.set(route.path, node.routes);
    }
  }

  match(method: string, path: string): RouteMatch {
    const params: string[] = [];
    let routes = this.plain.get(path);
    if (routes === undefined && path.startsWith('/'))
      routes = find(this.root, path.slice(1).split('/'), 0, params);
    if (routes === undefined) return { route: this.notFound, params: [], allow: undefined };
    const route =
      routes.get(method) ?? (method === 'HEAD' ? routes.get('GET') : undefined) ?? routes.get('*');
    if (route !== undefined) return { route, params, allow: undefined };
    return { route: undefined, params, allow: listOf([...routes.keys()]) };
  }
}

function find(
  node: RouteNode,
  segments: string[],
  at: number,
  params: string[],
): Map<string, RouteSpec> | undefined {
  if (at === segments.length) return node.routes;
  const segment = segments[at]!;
  const literal = node.literals.get(segment);
  if (literal !== undefined) {
    const found = find(literal, segments, at + 1, params);
    if (found !== undefined) return found;
  }
  if (node.param !== undefined && segment !== '') {
    params.push(segment);
    const found = find(node.param, segments, at + 1, params);
    if (found !== undefined) return found;
    params.pop();
  }
  return undefined;
}
