// @timeout 240
import { stopSteps } from './stop-steps';

stopSteps('js').run();
