   start paths
         name = "TideOverlay"
         os2  = "tides"
         unix = "/quay/lib/tides"
   end paths
