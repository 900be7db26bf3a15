// @timeout 240
import { onFallback } from '../../support/backends';
import { encodeSuite } from './encode';

onFallback();
encodeSuite('fallback').run();
