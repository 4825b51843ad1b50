package ocpp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/aether-es/aether/apps/charging/ocpp"
	"github.com/aether-es/aether/apps/charging/ocpp/v16"
)

// A central system with one station that has a key, and the station.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	key := ocpp.NewKey()

	system := ocpp.HandlerFunc(func(_ context.Context, c *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		switch request := call.Request.(type) {
		case *v16.BootNotificationReq:
			fmt.Println(c.Identity(), "is a", request.ChargePointVendor, request.ChargePointModel)
			return &v16.BootNotificationConf{CurrentTime: time.Now(), Interval: 300, Status: v16.RegistrationAccepted}, nil
		default:
			return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", call.Action)
		}
	})
	server := ocpp.NewServer(v16.Messages{}, oneStation{"CP-1", ocpp.HashKey(key)}, system, nil)
	mux := http.NewServeMux()
	mux.Handle("/ocpp/{identity}", server)
	web := httptest.NewServer(mux)
	defer web.Close()

	stationSide := ocpp.HandlerFunc(func(_ context.Context, _ *ocpp.Conn, call ocpp.Call) (ocpp.Response, error) {
		if unlock, ok := call.Request.(*v16.UnlockConnectorReq); ok {
			fmt.Println("unlocking connector", unlock.ConnectorID)
			return &v16.UnlockConnectorConf{Status: v16.Unlocked}, nil
		}
		return nil, ocpp.Errorf(ocpp.NotSupported, "%s is not supported", call.Action)
	})
	endpoint := "ws" + strings.TrimPrefix(web.URL, "http") + "/ocpp"
	conn, err := ocpp.Dial(ctx, endpoint, "CP-1", v16.Messages{}, stationSide, &ocpp.ClientOptions{Password: string(key)})
	if err != nil {
		log.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- conn.Run(ctx) }()

	boot, err := v16.Call(ctx, conn, &v16.BootNotificationReq{ChargePointVendor: "Volt", ChargePointModel: "Duo"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the station is", boot.Status)

	connected, _ := server.Conn("CP-1")
	unlocked, err := v16.Call(ctx, connected, &v16.UnlockConnectorReq{ConnectorID: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the connector is", unlocked.Status)

	if err := server.Shutdown(ctx); err != nil {
		log.Fatal(err)
	}
	<-over
	// Output:
	// CP-1 is a Volt Duo
	// the station is Accepted
	// unlocking connector 1
	// the connector is Unlocked
}

// oneStation is an Authenticator that knows one station, with security profile 1.
type oneStation struct {
	identity string
	key      ocpp.KeyHash
}

func (s oneStation) Credentials(_ context.Context, identity string) (ocpp.Credentials, error) {
	if identity != s.identity {
		return ocpp.Credentials{}, ocpp.ErrUnknownStation
	}
	return ocpp.Credentials{Profile: 1, Keys: []ocpp.KeyHash{s.key}}, nil
}
