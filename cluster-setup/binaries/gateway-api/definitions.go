// Package definitions pins the definitions of the Gateway API's kinds; nothing is built from it.
package definitions

import _ "sigs.k8s.io/gateway-api/apis/v1"
