// @timeout 240
import { onNative } from '../../support/backends';
import { encodeSuite } from './encode';

onNative();
encodeSuite('native').run();
