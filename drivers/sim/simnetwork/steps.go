package simnetwork

// Methods are the changing methods, each with the steps "begin" and "end";
// "describe" and "inventory" have only the first.
var Methods = []string{
	"ensure network", "remove network", "ensure port", "remove port", "set metadata",
	"ensure group", "remove group", "ensure router", "remove router",
}
