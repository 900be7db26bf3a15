// @timeout 120
import { onFallback } from '../../support/backends';
import { encodeSuite } from './encode';

onFallback();
encodeSuite('fallback').run();
