package charging

import (
	"context"
	"encoding/json"

	"github.com/aether-es/aether/apps/charging/registry"
	"github.com/aether-es/aether/apps/charging/session"
	"github.com/aether-es/aether/integration"
)

// PrepareDemo sets a tariff for the stations of a demo, once: an operator may change it.
func PrepareDemo(ctx context.Context, commands integration.Commands, namespace string) error {
	tariff := registry.Zoned{Zone: "Europe/Berlin", Tariff: session.Tariff{
		ID: registry.DefaultTariff, Currency: "EUR", Start: 35, Rate: session.Rate{PerKWh: 49, PerMinute: 2},
		Bands: []session.Band{{Name: "night", From: 22 * 60, To: 6 * 60, Rate: session.Rate{PerKWh: 36}}},
	}}
	data, err := json.Marshal(tariff)
	if err != nil {
		return err
	}
	_, err = commands.Send(ctx, integration.Request{
		Namespace: namespace, Kind: registry.TariffKind, Subject: registry.TariffKind + "/" + tariff.ID, ID: "demo-tariff", Type: SetTariff, Data: data,
	})
	return err
}
