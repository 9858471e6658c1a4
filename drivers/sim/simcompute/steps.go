package simcompute

// Steps lists the steps of each method, in their order.
var Steps = map[string][]string{
	"describe": {"begin"},
	"guests":   {"begin"},
	"console":  {"begin"},
	"watch":    {"begin"},
	"create":   {"begin", "disks", "define", "end"},
	"start":    {"begin", "define", "end"},
	"stop":     {"begin", "end"},
	"reset":    {"begin", "end"},
	"pause":    {"begin", "end"},
	"resume":   {"begin", "end"},
	"remove":   {"begin", "power off", "end"},
	"plug":     {"begin", "end"},
	"unplug":   {"begin", "end"},
	"suspend":  {"begin", "end"},
	"wake":     {"begin", "end"},
}
