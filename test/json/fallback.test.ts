// @timeout 240
import * as json from '../../lib/json';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';

onFallback();
conformance('fallback', json).run();
